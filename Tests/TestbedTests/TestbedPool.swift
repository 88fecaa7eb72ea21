import Foundation
import PoolDemo
import SIPClient
import Testing

/// The pool of a test bed: one Front End server a host, reached over ssh, the fabric on three etcd members, patched by
/// installing a package.
enum TestbedPool {
  static let endpoints = Testbed.hosts.map {
    ServerEndpoint(name: "fe\($0)", host: "10.77.0.\($0)", port: 5060)
  }

  private static let install = "dpkg --install /testbed/quorate_${QUORATE_TARGET_VERSION}_amd64.deb"

  /// The pool file.
  /// - Parameter withReboot: the patch says that it needs a reboot (exit code 194).
  /// - Parameter more: lines at its top level.
  static func text(drainTime: String, withReboot: Bool = false, more: [String] = []) -> String {
    var lines = """
      pool: five
      domain: \(Testbed.domain)
      fabric: etcd:http://10.77.0.1:2379,10.77.0.2:2379,10.77.0.3:2379\(Testbed.prefix)
      # The audit reads all of the history, from its first revision on.
      etcd: {history: 0s, max-txn-ops: 1024}
      root: /tmp
      groups: 20
      drain-time: \(drainTime)
      pool-key: /etc/quorate/pool.key
      registrar: {min-expires: 1, open: true}
      \(more.joined(separator: "\n"))
      servers:

      """
    for host in Testbed.hosts {
      let address = "10.77.0.\(host)"
      lines += """
          - name: fe\(host)
            sip: "\(address):5060"
            peer: "\(address):6060"
            http: "\(address):8060"
            ssh: {to: h\(host), sudo: true}
            service: {unit: quorate-frontend@fe\(host)}

        """
    }
    return lines + """
      patch:
        target: "\(Testbed.nextVersion)"
        apply: \(install)\(withReboot ? "; exit 194" : "")
        reboot: \(withReboot ? "allowed" : "never")
        reboot-command: systemctl reboot
        boot-id-command: cat /proc/sys/kernel/random/boot_id

      """
  }
}

/// Users who register through all servers of a test bed, refresh all the time, and are audited at the end.
func withUsers(_ count: Int = 300, of bed: Testbed, _ body: (PoolClient) async throws -> Void) async throws {
  let client = try await PoolClient.start(
    ClientConfiguration(
      servers: TestbedPool.endpoints,
      domain: Testbed.domain,
      users: count,
      localHost: Testbed.address,
      expires: 3600,
      seed: UInt64.random(in: 1...0xffff_ffff)
    )
  )
  do {
    let registered = await client.register()
    try #require(registered == count, "only \(registered) of \(count) users could register")
    client.begin(Workload(refreshEvery: .seconds(2), messagesPerSecond: 20))
    try await body(client)
  } catch {
    await client.close()
    throw error
  }
  await client.close()
}

extension PoolClient {
  /// Ends the workload; every acknowledged binding must be there.
  func expectNothingLost(_ comment: String = "") async -> ClientStatistics {
    await quiet()
    let statistics = await statistics()
    let audit = await audit()
    #expect(
      audit.isClean && audit.acknowledged == configuration.users,
      "\(comment): \(audit.present) of \(audit.acknowledged) bindings there: \(audit.examples)"
    )
    return statistics
  }
}
