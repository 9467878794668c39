import { describe, expect, test } from 'vitest'
import { createClientAddress } from '../../src/front/client-address.ts'

const proxies = ['10.0.0.0/8', '192.168.1.1', 'fd00::/8']

const table: [
  why: string,
  trusted: string[],
  peer: string,
  xForwardedFor: string | null,
  expected: string,
][] = [
  ['no proxy is trusted', [], '203.0.113.9', '1.1.1.1', '203.0.113.9'],
  ['no proxy is trusted, not even loopback', [], '127.0.0.1', '1.1.1.1', '127.0.0.1'],
  ['a stranger forges the header', proxies, '203.0.113.9', '10.0.0.1', '203.0.113.9'],
  ['a proxy says nothing', proxies, '10.0.0.1', null, '10.0.0.1'],
  ['a proxy names the client', proxies, '10.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['the client forges hops in front', proxies, '10.0.0.1', '1.1.1.1, 2.2.2.2,203.0.113.9', '203.0.113.9'],
  ['the client forges a trusted hop', proxies, '10.0.0.1', '10.9.9.9, 203.0.113.9', '203.0.113.9'],
  ['two proxies in a row', proxies, '10.0.0.1', '203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['a single address is trusted', proxies, '192.168.1.1', '203.0.113.9', '203.0.113.9'],
  ['its neighbour is not', proxies, '192.168.1.2', '203.0.113.9', '192.168.1.2'],
  ['all hops are trusted', proxies, '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['forged rubbish stands left of the client', proxies, '10.0.0.1', 'rubbish, 203.0.113.9', '203.0.113.9'],
  ['the right-most hop is no address', proxies, '10.0.0.1', '203.0.113.9, unknown', '10.0.0.1'],
  ['a hop behind a trusted one is no address', proxies, '10.0.0.1', 'unknown, 10.0.0.2', '10.0.0.1'],
  ['the header is empty', proxies, '10.0.0.1', '', '10.0.0.1'],
  ['the last hop is empty', proxies, '10.0.0.1', '203.0.113.9,', '10.0.0.1'],
  ['a hop has a port', proxies, '10.0.0.1', '203.0.113.9:1234', '10.0.0.1'],
  ['a hop is written in octal', proxies, '10.0.0.1', '0203.0.113.9', '10.0.0.1'],
  ['a hop has a zone', proxies, '10.0.0.1', 'fe80::1%eth0', '10.0.0.1'],
  ['a peer is mapped into IPv6', proxies, '::ffff:10.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['a peer is mapped, in hexadecimal', proxies, '::ffff:a00:1', '203.0.113.9', '203.0.113.9'],
  ['a hop is mapped into IPv6', proxies, '10.0.0.1', '::FFFF:203.0.113.9', '203.0.113.9'],
  ['a mapped hop is trusted', proxies, '10.0.0.1', '203.0.113.9, ::ffff:10.0.0.2', '203.0.113.9'],
  ['nothing is trusted and the peer is mapped', [], '::ffff:203.0.113.9', null, '203.0.113.9'],
  ['a peer is IPv6', proxies, 'fd00::1', '2001:DB8:0:0::1', '2001:db8::1'],
  ['a peer has a zone', [], 'fe80::1%eth0', null, 'fe80::1'],
  ['the peer is unknown', proxies, '', '203.0.113.9', ''],
  ['IPv6 is not trusted for IPv4', ['::/0'], '10.0.0.1', '203.0.113.9', '10.0.0.1'],
]

describe('createClientAddress', () => {
  test.each(table)(
    'the right-most untrusted hop and no other: %s',
    (_why, trusted, peer, header, expected) => {
      expect(createClientAddress(trusted)(peer, header)).toBe(expected)
    },
  )

  test.each([
    '',
    'proxy',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    'fd00::/129',
    '::1%lo/64',
    '10.0.0.0/-1',
  ])('a range that is none stops the start: %j', (range) => {
    expect(() => createClientAddress([range])).toThrow(TypeError)
  })
})
