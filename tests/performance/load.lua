-- Calls for wrk: each thread sends the requests of performance/traffic.py in turn, and `done` prints one line of JSON.
-- arguments: FILE with one request a line, then header names and values in turn.

local requests = {}
local turn = 0

function init(args)
  for i = 2, #args, 2 do
    wrk.headers[args[i]] = args[i + 1]
  end
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, nil, line)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"p99_us":%d,"errors":%d,"refused":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, errors.status))
end
