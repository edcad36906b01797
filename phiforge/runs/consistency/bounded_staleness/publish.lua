-- Let a ticket's contribution wait to be applied: only if the ticket is open, only if there is none, and only if it was
-- computed from a φ that is not too old (nor that of a head that was lost since).
-- Keys: state, origins, tickets, hashes, contribution, and staged: the contribution as it was just set for this call.
-- Values: ticket, phi_version, phi_hash, origin.  Returns {outcome, contributions now there}.
local outcome = 'published'
if redis.call('HGET', key.state, 'status') ~= 'running' then outcome = 'stopped'
elseif redis.call('SISMEMBER', key.tickets, arg.ticket) == 0 then outcome = 'duplicate'
elseif redis.call('HGET', key.hashes, arg.phi_version) ~= arg.phi_hash then outcome = 'old'
elseif redis.call('HSETNX', key.origins, arg.ticket, arg.origin) == 0 then outcome = 'duplicate' end
settle(outcome)
return {outcome, outcome == 'stopped' and 0 or redis.call('HLEN', key.origins)}
