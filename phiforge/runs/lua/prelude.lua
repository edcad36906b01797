-- Put before every script. Gives it by name what it was called with, and the time; all of it as it came, to the byte.
-- ARGV[1] has the names of the first keys, ARGV[2] those of the values after these two, both with spaces between.
-- key.NAME, arg.NAME: the keys and values with names; keys_rest, args_rest: those after them, in order.
local key, arg, keys_rest, args_rest = {}, {}, {}, {}
local function take(names, values, first, named, rest)
  local place = first
  for name in string.gmatch(names, '%S+') do
    named[name] = values[place]
    place = place + 1
  end
  for index = place, #values do rest[#rest + 1] = values[index] end
end
take(ARGV[1], KEYS, 1, key, keys_rest)
take(ARGV[2], ARGV, 3, arg, args_rest)

-- Milliseconds since 1970.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The words of a text, in order.
local function words(text)
  local found = {}
  for word in string.gmatch(text, '%S+') do found[#found + 1] = word end
  return found
end

