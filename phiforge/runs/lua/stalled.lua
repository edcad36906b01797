-- Say whether a run has been silent for too long, and note that messages are about to be sent again.
-- The patience is three typical steps, at least ARGV[1] ms, doubled at every resend up to a minute.
-- A sign of life from the future means that the clock of Redis was put back: nobody knows how long ago it was.
-- KEYS: a pulse (moved_at, resends, step_ms, still_since).  ARGV: shortest patience in ms.  Returns 1 if stalled.
local state = redis.call('HMGET', KEYS[1], 'moved_at', 'resends', 'step_ms')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local moved_at, resends = tonumber(state[1] or 0), tonumber(state[2] or 0)
local patience = math.max(tonumber(ARGV[1]), 3 * tonumber(state[3] or 0)) * 2 ^ math.min(resends, 5)
if moved_at <= now and now - moved_at < math.min(patience, 60000) then return 0 end
if moved_at > 0 then redis.call('HSETNX', KEYS[1], 'still_since', math.min(moved_at, now)) end
redis.call('HSET', KEYS[1], 'moved_at', now, 'resends', resends + 1)
return 1
