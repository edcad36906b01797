-- Free a lock, unless it freed itself and is another's now.  KEYS: lock.  ARGV: owner.
if string.match(redis.call('GET', KEYS[1]) or '', '^%d+ (.*)$') == ARGV[1] then redis.call('DEL', KEYS[1]) end
