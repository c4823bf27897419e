// SPDX-License-Identifier: Apache-2.0
// Writes stored.json: a team key and a sealed value as another implementation makes them. Run by hand: node make_stored.mjs > stored.json
import crypto from 'node:crypto';

const raw = (prefix, bytes) =>
	crypto.createPrivateKey({ key: Buffer.concat([Buffer.from(prefix, 'hex'), bytes]), format: 'der', type: 'pkcs8' });
const x25519 = (bytes) => raw('302e020100300506032b656e04220420', bytes);
const ed25519 = (bytes) => raw('302e020100300506032b657004220420', bytes);
const publicOf = (key) => crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
const publicX = (bytes) =>
	crypto.createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), bytes]), format: 'der', type: 'spki' });
const number = (value, size) => {
	const out = Buffer.alloc(8);
	out.writeBigUInt64BE(BigInt(value));
	return out.subarray(8 - size);
};
const text = (value) => Buffer.from(value, 'utf8');
const hmac = (key, ...parts) => crypto.createHmac('sha256', key).update(Buffer.concat(parts)).digest();

// RFC 9180, base mode, suite 0x0020 0x0001 0x0002
function seal(recipient, ephemeralBytes, info, aad, plain) {
	const ephemeral = x25519(ephemeralBytes);
	const enc = publicOf(ephemeral);
	const kem = Buffer.concat([text('KEM'), number(0x20, 2)]);
	const hpke = Buffer.concat([text('HPKE'), number(0x20, 2), number(1, 2), number(2, 2)]);
	const extract = (suite, salt, label, ikm) => hmac(salt, text('HPKE-v1'), suite, text(label), ikm);
	const expand = (suite, prk, label, context, size) =>
		hmac(prk, number(size, 2), text('HPKE-v1'), suite, text(label), context, Buffer.from([1])).subarray(0, size);
	const none = Buffer.alloc(0);
	const dh = crypto.diffieHellman({ privateKey: ephemeral, publicKey: publicX(recipient) });
	const shared = expand(kem, extract(kem, none, 'eae_prk', dh), 'shared_secret', Buffer.concat([enc, recipient]), 32);
	const schedule = Buffer.concat([Buffer.from([0]), extract(hpke, none, 'psk_id_hash', none), extract(hpke, none, 'info_hash', info)]);
	const secret = extract(hpke, shared, 'secret', none);
	const cipher = crypto.createCipheriv('aes-256-gcm', expand(hpke, secret, 'key', schedule, 32), expand(hpke, secret, 'base_nonce', schedule, 12));
	cipher.setAAD(aad);
	return Buffer.concat([enc, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

const bytes = (first) => Buffer.from(Array.from({ length: 32 }, (_, i) => first + i));
const master = bytes(0), signing = bytes(32), team = bytes(64);
const masterPublic = publicOf(x25519(master)), teamPublic = publicOf(x25519(team));
const teamId = 4242, generation = 7;

const name = Buffer.concat([number(teamId, 8), number(generation, 4), teamPublic]);
const signature = crypto.sign(null, Buffer.concat([text('bailee/team-key/1'), name]), ed25519(signing));
const privateSealed = Buffer.concat([Buffer.from([1]), seal(masterPublic, bytes(96), text('bailee/team-private/1'), name, team)]);

const length4 = (value) => Buffer.concat([number(value.length, 4), value]);
const policy = crypto.createHash('sha256')
	.update(Buffer.concat([text('bailee/policy/1'), length4(text('lend')), length4(text('["api.example.com"]'))])).digest();
const length1 = (value) => Buffer.concat([number(value.length, 1), value]);
const row = Buffer.from('000102030405460788090a0b0c0d0e0f', 'hex');
const aad = Buffer.concat([text('bailee/seal/1'), length1(text('credential')), row, length1(text('secret')),
	number(teamId, 8), number(generation, 4), Buffer.from([1]), policy]);
const value = text('the stored value');
const plain = Buffer.concat([number(value.length, 4), value, Buffer.alloc(64 - 4 - value.length)]);
const sealed = Buffer.concat([Buffer.from([1]), number(generation, 4), seal(teamPublic, bytes(128), text('bailee/seal/1'), aad, plain)]);

const hex = (buffer) => buffer.toString('hex');
console.log(JSON.stringify({
	master_file: `bailee-master-1:${master.toString('base64')}`,
	signing_file: `bailee-signing-1:${signing.toString('base64')}`,
	master_key_id: hex(crypto.createHash('sha256').update(masterPublic).digest()).slice(0, 16),
	team_id: teamId, generation, public_key: hex(teamPublic), signature: hex(signature), private_sealed: hex(privateSealed),
	table: 'credential', row: hex(row), field: 'secret', mode: 'lend', allowed_hosts: '["api.example.com"]',
	sealed: hex(sealed), value: 'the stored value',
}, null, 1));
