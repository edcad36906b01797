-- Put a checkpoint's version at the head: only if Redis has no head, or an older one.
-- Keys: state, phi, optimizer, log, origins: of that version.
-- Values: version, phi, optimizer, phi_hash, tasks, optimizer_hash.  Returns 1 if this call restored, else 0.
if is_known() then return 0 end
redis.call('DEL', key.state, key.log, key.origins)
return make_head()
