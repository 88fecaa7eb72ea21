import PoolFile
import Testing

@Suite struct PoolFileEtcdTests {
  private func parse(_ lines: String) throws -> PoolFile {
    try PoolFile.parse(
      """
      pool: p
      domain: example.com
      fabric: etcd:https://a:2379,b:2379/quorate/p/
      \(lines)
      servers:
        - {name: fe1, sip: "127.0.0.1:5071", peer: "127.0.0.1:6071", http: "127.0.0.1:8071"}
      """,
      path: "/srv/pool.yaml"
    )
  }

  @Test func settingsAreRead() throws {
    let file = try parse(
      "etcd: {user: u, password-file: pw, authority: ca.pem, certificate: /c.pem, key: c.key, timeout: 1s, "
        + "max-txn-ops: 1024, history: 5m}\nmax-stale: 10s"
    )
    #expect(file.fabric == .etcd(endpoints: ["https://a:2379", "https://b:2379"], prefix: "/quorate/p"))
    #expect(file.fabric.description == "etcd:https://a:2379,b:2379/quorate/p")
    #expect(PoolFile.Fabric(file.fabric.description, from: "/") == file.fabric)
    #expect(file.etcd.user == "u" && file.etcd.passwordFile == "/srv/pw")
    #expect(
      file.etcd.authority == "/srv/ca.pem" && file.etcd.certificate == "/c.pem"
        && file.etcd.key == "/srv/c.key"
    )
    #expect(file.etcd.timeout == .seconds(1) && file.etcd.maximumOperations == 1024)
    #expect(file.etcd.history == .seconds(300) && file.maxStale == .seconds(10))
  }

  @Test func leftOutTheyAreTheDefaults() throws {
    let file = try parse("")
    #expect(file.etcd == PoolFile.Etcd() && file.maxStale == .seconds(60))
    #expect(file.etcd.timeout == .seconds(2) && file.etcd.maximumOperations == 128)
  }

  @Test(arguments: [
    "etcd: {user: u}", "etcd: {password-file: p}", "etcd: {certificate: c}", "etcd: {key: k}",
    "etcd: {timeout: 1h}",
    "etcd: {max-txn-ops: 10}", "etcd: {pasword-file: p}", "max-stale: soon",
  ])
  func mistakesAreTold(line: String) { #expect(throws: PoolFileError.self) { try parse(line) } }

  @Test(arguments: [
    "etcd:https://a:2379/", "etcd:a:2379/p", "etcd:https://a/p", "sqlite:", "etcd:http://a:2379/ä",
  ])
  func whatIsNoFabric(text: String) { #expect(PoolFile.Fabric(text, from: "/") == nil) }
}
