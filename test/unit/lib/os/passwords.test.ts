import { describe, expect, it } from 'vitest';
import { osPasswords } from '../../../../src/lib/os/passwords.js';

const salt = Buffer.from('0123456789abcdef');

describe('bcrypt', () => {
  it('writes the text that Go writes', async () => {
    const hash = await osPasswords.hash('secret', { cost: 4, salt });
    expect(hash).toMatch(/^\$2a\$04\$[./A-Za-z0-9]{53}$/);
    expect(osPasswords.hashNow('secret', { cost: 4, salt })).toBe(hash);
  });

  it('knows its own hashes from others', async () => {
    const hash = await osPasswords.hash('sécret', { cost: 4, salt });
    expect(await osPasswords.verify('sécret', hash)).toBe(true);
    expect(await osPasswords.verify('secret', hash)).toBe(false);
    expect(await osPasswords.verify('', hash)).toBe(false);
  });

  it('knows hashes that etcd 3.5.30 wrote', async () => {
    const alice = '$2a$04$buk5yMQzOrnbf8wK6fE3POZP0zhRTEAGKoS0S.bjZcyJUys1Zb0fC';
    const root = '$2a$04$f35qgpC7M7xOd/h6hy119eLSPuPoRru7m5IYwpmCBwzGXCPUd9ZKO';
    expect(await osPasswords.verify('alicepw', alice)).toBe(true);
    expect(await osPasswords.verify('rootpw', root)).toBe(true);
    expect(await osPasswords.verify('rootpw', alice)).toBe(false);
  });

  it('fits nothing to what is no hash', async () => {
    for (const none of ['', 'x', '$2a$04$', '$2a$99$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'])
      expect(await osPasswords.verify('', none)).toBe(false);
  });
});
