-- Let a ticket's contribution wait to be applied: only if the ticket is open, only if there is none, and only if it was
-- computed from a φ that is not too old (nor that of a head that was lost since).
-- KEYS: state, contributions, origins, tickets, hashes.  ARGV: ticket, version of φ, its hash, payload, origin.
-- Returns {outcome, contributions now there}.
if redis.call('HGET', KEYS[1], 'status') ~= 'running' then return {'stopped', 0} end
local outcome = 'duplicate'
if redis.call('SISMEMBER', KEYS[4], ARGV[1]) == 1 then
  if redis.call('HGET', KEYS[5], ARGV[2]) ~= ARGV[3] then
    outcome = 'old'
  elseif redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[4]) == 1 then
    outcome = 'published'
    redis.call('HSET', KEYS[3], ARGV[1], ARGV[5])
    local now = redis.call('TIME')
    redis.call('HSET', KEYS[1], 'moved_at', now[1] * 1000 + math.floor(now[2] / 1000), 'resends', 0)
  end
end
return {outcome, redis.call('HLEN', KEYS[2])}
