-- Note that a worker lives, forget those that were silent for longer than a lease, and return who is there.
-- A sign of life from far in the future means that the clock of Redis was put back: it is no sign of life.
-- KEYS: roster.  ARGV: worker, a few words about it, lease in ms.  Returns {worker, words, ...}.
local time = redis.call('TIME')
local now, lease = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %s', now, ARGV[2]))
redis.call('PEXPIRE', KEYS[1], lease)
local fields, there = redis.call('HGETALL', KEYS[1]), {}
for index = 1, #fields, 2 do
  local beat, words = string.match(fields[index + 1], '^(%d+) (.*)$')
  if beat and math.abs(now - tonumber(beat)) <= lease then
    there[#there + 1] = fields[index]
    there[#there + 1] = words
  else
    redis.call('HDEL', KEYS[1], fields[index])
  end
end
return there
