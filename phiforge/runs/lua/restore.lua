-- Put a checkpoint's version at the head: only if Redis has no head, or an older one.
-- KEYS: state, phi, optimizer, log, origins of that version, tickets, hashes.
-- ARGV: version, phi, optimizer, phi hash, tasks, optimizer hash, open tickets as a JSON list.
-- Returns 1 if this call restored, else 0.
local head = redis.call('HGET', KEYS[1], 'head')
if head and tonumber(head) >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
for _, ticket in ipairs(cjson.decode(ARGV[7])) do redis.call('SADD', KEYS[6], ticket) end
if ARGV[7] ~= '[]' then redis.call('HSET', KEYS[7], ARGV[1], ARGV[4]) end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'head', ARGV[1], 'status', 'running', 'phi_hash', ARGV[4], 'tasks', ARGV[5],
  'optimizer_hash', ARGV[6], 'moved_at', now, 'resends', 0)
return 1
