-- Begin an attempt at a piece of work, and say how many before it ended badly: their workers let the lease run out.
-- Keys: attempts.  Values: work, token, lease: in ms, expiry: in seconds.
-- Returns {ended badly, why the last one did}.
local time, mine = now(), arg.work .. '/'
local fields = redis.call('HGETALL', key.attempts)
local badly, why = 0, ''
for index = 1, #fields, 2 do
  if fields[index] == 'why:' .. arg.work then
    why = fields[index + 1]
  elseif string.sub(fields[index], 1, #mine) == mine and tonumber(fields[index + 1]) < time then
    badly = badly + 1
  end
end
redis.call('HSET', key.attempts, mine .. arg.token, time + tonumber(arg.lease))
redis.call('EXPIRE', key.attempts, arg.expiry)
return {badly, why}
