-- Make the next version the head: only if nobody did, and only from a full set of contributions.
-- Keys: state, origins, phi, optimizer, old_phi, old_optimizer, log, attempts, staged_phi, staged_optimizer, and after
-- them the contributions.
-- Values: version, next_version, jobs, phi_hash, optimizer_hash, log_entry, tasks, and after them the scores.
-- Returns 0 if this call did not commit, else 1 more than the ms that the run stood still, if it had to be helped.
local state = redis.call('HMGET', key.state, 'status', 'head')
local function may_commit()
  if state[1] ~= 'running' or state[2] ~= arg.version then return false end
  return redis.call('HLEN', key.origins) == tonumber(arg.jobs)
end
if not may_commit() then return give_up() end
redis.call('DEL', key.origins)
return make_head()
