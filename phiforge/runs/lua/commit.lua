-- Make the next version the head: only if nobody did, and only from a full set of contributions.
-- KEYS: state, origins, next phi, next optimizer, old phi, old optimizer, log, attempts, tickets, hashes, phi and
-- optimizer as they were just set for this call, which are gone after it, and the contributions that it is made of.
-- ARGV: version, next version, jobs, phi hash, log entry, query loss, query accuracy, tasks, optimizer hash; and where a
-- run has tickets, as JSON lists, those used and those that open, the newest version whose φ is not admitted any more,
-- and whether the next version must be recorded before the head may leave it.
-- Returns 0 if this call did not commit, else 1 more than the ms that the run stood still, if it had to be helped.
local state = redis.call('HMGET', KEYS[1], 'status', 'head', 'committed_at', 'resends', 'step_ms', 'still_since')
local used = cjson.decode(ARGV[10])
local function may_commit()
  if state[1] ~= 'running' or state[2] ~= ARGV[1] then return false end
  if #used == 0 then return redis.call('HLEN', KEYS[2]) == tonumber(ARGV[3]) end
  if redis.call('HEXISTS', KEYS[1], 'unrecorded') == 1 then return false end
  for _, ticket in ipairs(used) do
    if redis.call('SISMEMBER', KEYS[9], ticket) == 0 then return false end
    if redis.call('HEXISTS', KEYS[2], ticket) == 0 then return false end
  end
  return true
end
if not may_commit() then
  redis.call('DEL', KEYS[11], KEYS[12])
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local step_ms = tonumber(state[5] or 0)
if state[3] and (state[4] or '0') == '0' then
  local latest = math.max(0, now - tonumber(state[3]))
  step_ms = step_ms == 0 and latest or 0.8 * step_ms + 0.2 * math.min(latest, 10 * step_ms) -- a clock may jump
end
redis.call('RENAME', KEYS[11], KEYS[3])
redis.call('RENAME', KEYS[12], KEYS[4])
redis.call('DEL', KEYS[5], KEYS[6], KEYS[8])
for index = 13, #KEYS do redis.call('DEL', KEYS[index]) end
if #used == 0 then
  redis.call('DEL', KEYS[2])
else
  for _, ticket in ipairs(used) do
    redis.call('HDEL', KEYS[2], ticket)
    redis.call('SREM', KEYS[9], ticket)
  end
  for _, ticket in ipairs(cjson.decode(ARGV[11])) do redis.call('SADD', KEYS[9], ticket) end
  redis.call('HSET', KEYS[10], ARGV[2], ARGV[4])
  redis.call('HDEL', KEYS[10], ARGV[12])
  if ARGV[13] == '1' then redis.call('HSET', KEYS[1], 'unrecorded', ARGV[2]) end
end
redis.call('HSET', KEYS[7], ARGV[2], ARGV[5])
redis.call('HSET', KEYS[1], 'head', ARGV[2], 'phi_hash', ARGV[4], 'optimizer_hash', ARGV[9], 'loss', ARGV[6],
  'accuracy', ARGV[7], 'tasks', ARGV[8], 'committed_at', now, 'moved_at', now, 'resends', 0, 'step_ms', tostring(step_ms))
redis.call('HDEL', KEYS[1], 'still_since')
return 1 + math.max(0, now - tonumber(state[6] or now))
