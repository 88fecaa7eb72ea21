import PoolFile
import PoolModel
import Testing

/// A good pool file is read as it is meant.
@Suite struct PoolFileTests {
  @Test func exampleIsRead() throws {
    let file = try PoolFile.parse(PoolFile.example, path: "/srv/pool/pool.yaml")
    #expect(file.pool == PoolName("demo"))
    #expect(file.fabric == .sqlite(path: "/srv/pool/fabric.db"))
    #expect(file.root == "/srv/pool")
    #expect(file.servers.map(\.name.rawValue) == ["fe1", "fe2", "fe3"])
    #expect(file.serversNeeded == 2)
    #expect(file.server(ServerName("fe2"))?.sip == PoolFile.Address(host: "127.0.0.1", port: 5072))
    #expect(file.server(ServerName("fe2"))?.upgradeDomain == UpgradeDomain("fe2"))
    #expect(file.leaseTTL == .seconds(2))
    #expect(file.directory(of: ServerName("fe1")).program == "/srv/pool/servers/fe1/current/quorate")
    #expect(file.patch?.target == "1.1.0")
    #expect(file.patch?.timeout == .seconds(600))
    #expect(file.patch?.apply.hasPrefix("cd \"$QUORATE_SERVER_DIR\"\n") == true)
  }

  @Test func everythingCanBeSet() throws {
    let text = """
      pool: big
      domain: Example.COM
      fabric: etcd:https://a:2379,b:2379/pools/big
      root: /var/lib/quorate
      groups: 128
      servers-needed: 1
      lease-ttl: 1500ms
      drain-time: 1m30s
      replica-restart-wait: 0
      registrar: {min-expires: 10, default-expires: 20, max-expires: 30, max-contacts: 2, open: true}
      pool-key: keys/pool.key
      servers:
        - name: a
          sip: "[::1]:5071"
          peer: a.example.com:6071
          http: 127.0.0.1:8071
          tls: {address: "[::1]:5061", certificate: a.pem, key: /etc/a.key, authorities: ca.pem}
          upgrade-domain: ud1
          service: {start: "systemctl start a", stop: "systemctl stop a"}
      patch:
        target: 1.10
        version: {command: "cat version"}
        apply: ./patch
        timeout: 1h
        retries: 3
        reboot: allowed
        reboot-command: reboot
        boot-id-command: ssh fe1 cat /proc/sys/kernel/random/boot_id
        windows: ["Mon-Fri 10:00-16:00 Europe/Berlin", "Sat 00:00-24:00"]
        server-time: 20m
        reboot-exit-codes: [3010]
        hooks: {before-run: a, after-server: b}
        environment: {A: "1"}
      """
    let file = try PoolFile.parse(text, path: "/srv/pool.yaml")
    #expect(file.domain == "example.com")
    #expect(file.fabric == .etcd(endpoints: ["https://a:2379", "https://b:2379"], prefix: "/pools/big"))
    #expect(file.root == "/var/lib/quorate")
    #expect(file.serversNeeded == 1)
    #expect(file.leaseTTL == .milliseconds(1500))
    #expect(file.registrar.isOpen)
    #expect(file.poolKey == "/srv/keys/pool.key")
    #expect(
      file.servers.first?.tls
        == PoolFile.TLS(
          address: PoolFile.Address(host: "::1", port: 5061),
          certificate: "/srv/a.pem",
          key: "/etc/a.key",
          authorities: "/srv/ca.pem"
        )
    )
    #expect(file.drainTime == .seconds(90))
    #expect(file.replicaRestartWait == .zero)
    #expect(file.registrar.maxContacts == 2)
    let server = try #require(file.servers.first)
    #expect(server.sip.description == "[::1]:5071")
    #expect(server.service == .commands(start: "systemctl start a", stop: "systemctl stop a", status: nil))
    let patch = try #require(file.patch)
    // An unquoted 1.10 is a number in YAML; as a version it is not 1.1.
    #expect(patch.target == "1.10")
    #expect(patch.version == .command("cat version"))
    #expect(patch.reboot == .allowed)
    #expect(patch.rebootExitCodes == [3010])
    #expect(patch.bootIDCommand == "ssh fe1 cat /proc/sys/kernel/random/boot_id")
    #expect(patch.windows == ["Mon-Fri 10:00-16:00 Europe/Berlin", "Sat 00:00-24:00"])
    #expect(patch.serverTime == .seconds(1_200))
    #expect(patch.hooks.beforeRun == "a" && patch.hooks.afterServer == "b" && patch.hooks.afterRun == nil)
    #expect(patch.environment == ["A": "1"])
  }

  @Test(arguments: [
    ("0", Duration.zero), ("500ms", .milliseconds(500)), ("90s", .seconds(90)), ("10m", .seconds(600)),
    ("1h30m", .seconds(5400)), ("7d", .seconds(604_800)),
  ]) func durationsAreRead(_ text: String, _ duration: Duration) {
    #expect(DurationText.parse(text) == duration)
    #expect(DurationText.parse(DurationText.text(duration)) == duration)
  }

  @Test(arguments: ["", "5", "-1s", "1x", "1m1h", "1s1s", "99999999999999999999s", "400d", "1 s", "٣s"])
  func otherTextIsNoDuration(_ text: String) {
    #expect(DurationText.parse(text) == nil)
  }

  @Test func timeSpansOfTheOriginalAreRead() {
    #expect(DurationText.parseTimeSpan("01:30:00") == .seconds(5400))
    #expect(DurationText.parseTimeSpan("00:05") == .seconds(300))
    #expect(DurationText.parseTimeSpan("1.02:00:00") == .seconds(93_600))
    #expect(DurationText.parseTimeSpan("10m") == .seconds(600))
    #expect(DurationText.parseTimeSpan("25:00:00") == nil)
    #expect(DurationText.parseTimeSpan("1:2:3:4") == nil)
  }
}
