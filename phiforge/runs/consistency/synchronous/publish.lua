-- Add one job's contribution to the open step, once, and only while that step is open.
-- Keys: state, origins, contribution, and staged: the contribution as it was just set for this call.
-- Values: version, job, origin.  Returns {outcome, contributions now there}.
local state = redis.call('HMGET', key.state, 'status', 'head')
local outcome = 'published'
if state[1] ~= 'running' then outcome = 'stopped'
elseif state[2] ~= arg.version then outcome = 'stale'
elseif redis.call('HSETNX', key.origins, arg.job, arg.origin) == 0 then outcome = 'duplicate' end
settle(outcome)
if outcome == 'stopped' or outcome == 'stale' then return {outcome, 0} end
return {outcome, redis.call('HLEN', key.origins)}
