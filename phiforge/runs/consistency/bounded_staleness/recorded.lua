-- Let the head leave a version whose checkpoint is written.  Keys: state.  Values: version.
-- Returns 1 if it had to wait.
if redis.call('HGET', key.state, 'unrecorded') ~= arg.version then return 0 end
return redis.call('HDEL', key.state, 'unrecorded')
