-- Say whether a run has been silent for too long, and note that messages are about to be sent again.
-- The patience is three typical steps, at least the shortest, doubled at every resend up to a minute.
-- A sign of life from the future means that the clock of Redis was put back: nobody knows how long ago it was.
-- Keys: pulse (moved_at, resends, step_ms, still_since).  Values: shortest: patience in ms.  Returns 1 if stalled.
local state = redis.call('HMGET', key.pulse, 'moved_at', 'resends', 'step_ms')
local time, moved_at, resends = now(), tonumber(state[1] or 0), tonumber(state[2] or 0)
local patience = math.max(tonumber(arg.shortest), 3 * tonumber(state[3] or 0)) * 2 ^ math.min(resends, 5)
if moved_at <= time and time - moved_at < math.min(patience, 60000) then return 0 end
if moved_at > 0 then redis.call('HSETNX', key.pulse, 'still_since', math.min(moved_at, time)) end
redis.call('HSET', key.pulse, 'moved_at', time, 'resends', resends + 1)
return 1
