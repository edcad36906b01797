-- Begin an attempt at a piece of work, and say how many before it ended badly: their workers let the lease run out.
-- KEYS: attempts.  ARGV: work, token, lease in ms, expiry in seconds.  Returns {ended badly, why the last one did}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mine = ARGV[1] .. '/'
local fields = redis.call('HGETALL', KEYS[1])
local badly, why = 0, ''
for index = 1, #fields, 2 do
  if fields[index] == 'why:' .. ARGV[1] then
    why = fields[index + 1]
  elseif string.sub(fields[index], 1, #mine) == mine and tonumber(fields[index + 1]) < now then
    badly = badly + 1
  end
end
redis.call('HSET', KEYS[1], mine .. ARGV[2], now + tonumber(ARGV[3]))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {badly, why}
