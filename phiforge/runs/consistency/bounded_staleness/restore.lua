-- Put a checkpoint's version at the head: only if Redis has no head, or an older one.
-- Keys: state, phi, optimizer, log, origins, tickets, hashes.
-- Values: version, phi, optimizer, phi_hash, tasks, optimizer_hash, open: tickets with spaces between.
-- Returns 1 if this call restored, else 0.
if is_known() then return 0 end
redis.call('DEL', key.state, key.log, key.origins, key.tickets, key.hashes)
local open = words(arg.open)
for _, ticket in ipairs(open) do redis.call('SADD', key.tickets, ticket) end
if #open > 0 then redis.call('HSET', key.hashes, arg.version, arg.phi_hash) end
return make_head()
