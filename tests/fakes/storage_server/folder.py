"""Keeps buckets in a folder between two runs of the server; what is killed loses what came since it started."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fakes.storage_server.buckets import Bucket, Buckets, Object


@contextlib.contextmanager
def kept_in(folder: Path, buckets: Buckets) -> Iterator[None]:
    """Take over what is in a folder, and leave there what there is at the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.json"):
        bucket = _load(json.loads(file.read_bytes()))
        buckets.all[bucket.name] = bucket
    try:
        yield
    finally:
        for file in folder.glob("*.json"):
            file.unlink()
        for bucket in buckets.all.values():
            (folder / f"{bucket.name}.json").write_text(json.dumps(_form(bucket)))


def _form(bucket: Bucket) -> dict[str, Any]:
    objects = [{**asdict(one), "data": base64.b64encode(one.data).decode()} for one in bucket.objects.values()]
    about = {key: getattr(bucket, key) for key in ("name", "resource", "created", "metageneration")}
    return {**about, "objects": objects}


def _load(form: dict[str, Any]) -> Bucket:
    objects = [Object(**{**one, "data": base64.b64decode(one["data"])}) for one in form.pop("objects")]
    named = {one.name: one for one in objects}
    return Bucket(**form, objects=named, ordered=sorted(name.encode() for name in named))
