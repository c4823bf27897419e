// SPDX-License-Identifier: Apache-2.0
// Sealed values made without Bailee (docs: include/vault/seal.h), for rows that a test puts into the database itself.
//
//   const seal = await sealerOf(stack, teamId);
//   seal('oauth_token', grantUuid, 'access:1', 'the token')    hex text for UNHEX()
import crypto from 'node:crypto';

const publicKey = (raw) => crypto.createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), raw]), format: 'der', type: 'spki' });
const number = (value, size) => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return out.subarray(8 - size);
};
const hmac = (key, ...parts) => crypto.createHmac('sha256', key).update(Buffer.concat(parts)).digest();
const text = (value) => Buffer.from(value, 'utf8');

// RFC 9180, base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM
function hpkeSeal(recipient, info, aad, plain) {
  const none = Buffer.alloc(0);
  const { privateKey, publicKey: ephemeral } = crypto.generateKeyPairSync('x25519');
  const enc = ephemeral.export({ format: 'der', type: 'spki' }).subarray(-32);
  const kem = Buffer.concat([text('KEM'), number(0x20, 2)]);
  const hpke = Buffer.concat([text('HPKE'), number(0x20, 2), number(1, 2), number(2, 2)]);
  const extract = (suite, salt, label, ikm) => hmac(salt, text('HPKE-v1'), suite, text(label), ikm);
  const expand = (suite, prk, label, context, size) =>
    hmac(prk, number(size, 2), text('HPKE-v1'), suite, text(label), context, Buffer.from([1])).subarray(0, size);
  const dh = crypto.diffieHellman({ privateKey, publicKey: publicKey(recipient) });
  const shared = expand(kem, extract(kem, none, 'eae_prk', dh), 'shared_secret', Buffer.concat([enc, recipient]), 32);
  const schedule = Buffer.concat([Buffer.from([0]), extract(hpke, none, 'psk_id_hash', none), extract(hpke, none, 'info_hash', info)]);
  const secret = extract(hpke, shared, 'secret', none);
  const cipher = crypto.createCipheriv('aes-256-gcm', expand(hpke, secret, 'key', schedule, 32), expand(hpke, secret, 'base_nonce', schedule, 12));
  cipher.setAAD(aad);
  return Buffer.concat([enc, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

export async function sealerOf(stack, teamId) {
  const [[generation, key]] = await stack.mysql(`SELECT generation, HEX(public_key) FROM team_key WHERE team_id = ${teamId} ORDER BY generation DESC LIMIT 1`);
  const name = (value) => Buffer.concat([number(value.length, 1), text(value)]);
  return (table, uuid, field, value) => {
    const row = Buffer.from(uuid.replaceAll('-', ''), 'hex');
    const aad = Buffer.concat([text('bailee/seal/1'), name(table), row, name(field), number(teamId, 8), number(generation, 4), Buffer.from([0])]);
    const data = Buffer.concat([number(Buffer.byteLength(value), 4), text(value)]);
    const plain = Buffer.concat([data, Buffer.alloc(Math.ceil(data.length / 64) * 64 - data.length)]);
    return Buffer.concat([Buffer.from([1]), number(generation, 4), hpkeSeal(Buffer.from(key, 'hex'), text('bailee/seal/1'), aad, plain)]).toString('hex');
  };
}
