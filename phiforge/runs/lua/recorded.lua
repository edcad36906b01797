-- Let the head leave a version whose checkpoint is written.  KEYS: state.  ARGV: version.  Returns 1 if it had to wait.
if redis.call('HGET', KEYS[1], 'unrecorded') ~= ARGV[1] then return 0 end
return redis.call('HDEL', KEYS[1], 'unrecorded')
