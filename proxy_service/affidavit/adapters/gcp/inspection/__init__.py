"""Looking at a deployment from outside: is it what the gateway's promises rest on, and who can go around it."""
