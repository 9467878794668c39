import { describe, expect, test } from 'vitest'
import { createAddressGuard } from '../../src/outbound/address.ts'

const closed = createAddressGuard([])

describe('without a setting only public addresses are connected to (T26)', () => {
  const refused = [
    ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.255.255.254', '10.0.0.1', '172.16.0.1', '172.31.255.255'],
    ...['192.168.0.1', '169.254.169.254', '169.254.0.1', '100.64.0.1', '100.127.255.255', '224.0.0.1'],
    ...['239.255.255.255', '240.0.0.1', '255.255.255.255', '192.0.0.1', '192.0.2.1', '198.18.0.1'],
    ...['198.51.100.7', '203.0.113.9', '192.88.99.1'],
    ...['::', '::1', '::10.0.0.1', '::8.8.8.8', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe', '::ffff:127.0.0.1'],
    ...['64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::8.8.8.8', '2002:a00:1::', '2002:808:808::'],
    ...['2001::1', '2001:db8::1', '2001:20::1', '3fff::1', '5f00::1', '100::1', '4000::1'],
    ...['fe80::1', 'febf::1', 'fec0::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '::ffff:0:10.0.0.1'],
    // What others read as an address, and what is none.
    ...['2606:4700::1111%eth0', 'fe80::1%eth0', '0x08.8.8.8', '010.8.8.8', '134744072', '8.8.8', ''],
    ...['8.8.8.8/32', ' 8.8.8.8', 'example.com', '::ffff:8.8.8.256'],
  ]
  test.each(refused)('%j is refused', (address) => {
    expect(closed.allows(address)).toBe(false)
  })

  const allowed = ['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8']
  test.each(allowed)('%j is let through', (address) => {
    expect(closed.allows(address)).toBe(true)
    expect(closed.isNamed(address)).toBe(false)
  })
})

test('a block of the settings opens its own addresses, mapped ones too, and no other', () => {
  const guard = createAddressGuard(['10.1.0.0/16', 'fd00::/8', '169.254.169.254/32'])
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::5', '169.254.169.254']) {
    expect([address, guard.allows(address), guard.isNamed(address)]).toEqual([address, true, true])
  }
  for (const address of ['10.2.0.1', '::ffff:10.2.0.1', '127.0.0.1', 'fe80::1', '169.254.169.253']) {
    expect([address, guard.allows(address), guard.isNamed(address)]).toEqual([address, false, false])
  }
})

test('a block that is none is refused at the start', () => {
  expect(() => createAddressGuard(['10.0.0.0/33'])).toThrow()
})
