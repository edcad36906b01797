-- Free a lock, unless it freed itself and is another's now.  Keys: lock.  Values: owner.
if string.match(redis.call('GET', key.lock) or '', '^%d+ (.*)$') == arg.owner then redis.call('DEL', key.lock) end
