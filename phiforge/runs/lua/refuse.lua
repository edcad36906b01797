-- Note that a worker cannot do a run's work; say so of all workers once it was true of all for long enough.
-- How long is summed up from one refusal to the next, of which none counts for more than a fifth: a clock of Redis that
-- jumps makes workers look dead for no longer than that, and adds no more.
-- KEYS: refusals.  ARGV: worker, why, who is there (a JSON list), patience in ms, expiry in seconds.
-- Returns {worker, why, ...}, once, if nobody can, and forgets it with that; nothing otherwise.
local time = redis.call('TIME')
local now, patience = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[4])
redis.call('HSET', KEYS[1], 'worker:' .. ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[5])
for _, worker in ipairs(cjson.decode(ARGV[3])) do
  if redis.call('HEXISTS', KEYS[1], 'worker:' .. worker) == 0 then
    redis.call('HDEL', KEYS[1], 'looked_at', 'lasted')
    return {}
  end
end
local looked = redis.call('HMGET', KEYS[1], 'looked_at', 'lasted')
local since = math.min(math.max(now - tonumber(looked[1] or now), 0), patience / 5)
local lasted = tonumber(looked[2] or 0) + since
redis.call('HSET', KEYS[1], 'looked_at', string.format('%d', now), 'lasted', string.format('%d', lasted))
if lasted < math.floor(patience) then return {} end
local fields, refusals = redis.call('HGETALL', KEYS[1]), {}
for index = 1, #fields, 2 do
  local worker = string.match(fields[index], '^worker:(.*)$')
  if worker then
    refusals[#refusals + 1] = worker
    refusals[#refusals + 1] = fields[index + 1]
  end
end
redis.call('DEL', KEYS[1])
return refusals
