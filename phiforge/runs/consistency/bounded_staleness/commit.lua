-- Make the next version the head: only if nobody did, and only from contributions that wait, whose tickets are open.
-- Keys: state, origins, tickets, hashes, phi, optimizer, old_phi, old_optimizer, log, attempts, staged_phi,
-- staged_optimizer, and after them the contributions.
-- Values: version, next_version, used and opened: tickets with spaces between, too_old: the newest version whose φ is
-- not admitted any more, records: whether the next version must be recorded before the head may leave it, phi_hash,
-- optimizer_hash, log_entry, tasks, and after them the scores.
-- Returns 0 if this call did not commit, else 1 more than the ms that the run stood still, if it had to be helped.
local state = redis.call('HMGET', key.state, 'status', 'head')
local used = words(arg.used)
local function may_commit()
  if state[1] ~= 'running' or state[2] ~= arg.version then return false end
  if redis.call('HEXISTS', key.state, 'unrecorded') == 1 then return false end
  for _, ticket in ipairs(used) do
    if redis.call('SISMEMBER', key.tickets, ticket) == 0 then return false end
    if redis.call('HEXISTS', key.origins, ticket) == 0 then return false end
  end
  return true
end
if not may_commit() then return give_up() end
for _, ticket in ipairs(used) do
  redis.call('HDEL', key.origins, ticket)
  redis.call('SREM', key.tickets, ticket)
end
for _, ticket in ipairs(words(arg.opened)) do redis.call('SADD', key.tickets, ticket) end
redis.call('HSET', key.hashes, arg.next_version, arg.phi_hash)
redis.call('HDEL', key.hashes, arg.too_old)
if arg.records == '1' then redis.call('HSET', key.state, 'unrecorded', arg.next_version) end
return make_head()
