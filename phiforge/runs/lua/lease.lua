-- Move the end of an attempt's lease, if the attempt is still known.
-- Keys: attempts.  Values: attempt: work/token, lease: in ms (0: it ended badly), work, why: it did (may be empty).
if redis.call('HEXISTS', key.attempts, arg.attempt) == 0 then return 0 end
redis.call('HSET', key.attempts, arg.attempt, arg.lease == '0' and 0 or now() + tonumber(arg.lease))
if arg.why ~= '' then redis.call('HSET', key.attempts, 'why:' .. arg.work, arg.why) end
return 1
