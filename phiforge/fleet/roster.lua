-- Note that a worker lives, forget those that were silent for longer than a lease, and return who is there.
-- A sign of life from far in the future means that the clock of Redis was put back: it is no sign of life.
-- Keys: roster.  Values: worker, about: a few words on it, lease: in ms.  Returns {worker, words, ...}.
local at, lease = now(), tonumber(arg.lease)
redis.call('HSET', key.roster, arg.worker, string.format('%d %s', at, arg.about))
redis.call('PEXPIRE', key.roster, arg.lease)
local fields, there = redis.call('HGETALL', key.roster), {}
for index = 1, #fields, 2 do
  local beat, about = string.match(fields[index + 1], '^(%d+) (.*)$')
  if beat and math.abs(at - tonumber(beat)) <= lease then
    there[#there + 1] = fields[index]
    there[#there + 1] = about
  else
    redis.call('HDEL', key.roster, fields[index])
  end
end
return there
