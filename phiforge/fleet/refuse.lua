-- Note that a worker cannot do a run's work; say so of all workers once it was true of all for long enough.
-- How long is summed up from one refusal to the next, of which none counts for more than a fifth: a clock of Redis that
-- jumps makes workers look dead for no longer than that, and adds no more.
-- Keys: refusals.  Values: worker, why, patience: in ms, expiry: in seconds; then, without names, who is there.
-- Returns {worker, why, ...}, once, if nobody can, and forgets it with that; nothing otherwise.
local at, patience = now(), tonumber(arg.patience)
redis.call('HSET', key.refusals, 'worker:' .. arg.worker, arg.why)
redis.call('EXPIRE', key.refusals, arg.expiry)
for _, worker in ipairs(args_rest) do
  if redis.call('HEXISTS', key.refusals, 'worker:' .. worker) == 0 then
    redis.call('HDEL', key.refusals, 'looked_at', 'lasted')
    return {}
  end
end
local looked = redis.call('HMGET', key.refusals, 'looked_at', 'lasted')
local since = math.min(math.max(at - tonumber(looked[1] or at), 0), patience / 5)
local lasted = tonumber(looked[2] or 0) + since
redis.call('HSET', key.refusals, 'looked_at', string.format('%d', at), 'lasted', string.format('%d', lasted))
if lasted < math.floor(patience) then return {} end
local fields, refusals = redis.call('HGETALL', key.refusals), {}
for index = 1, #fields, 2 do
  local worker = string.match(fields[index], '^worker:(.*)$')
  if worker then
    refusals[#refusals + 1] = worker
    refusals[#refusals + 1] = fields[index + 1]
  end
end
redis.call('DEL', key.refusals)
return refusals
