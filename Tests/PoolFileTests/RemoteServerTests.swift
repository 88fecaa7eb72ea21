import PoolFile
import Testing

/// Servers on other machines.
@Suite struct RemoteServerTests {
  private func server(_ rest: String) throws(PoolFileError) -> PoolFile.Server? {
    let text = """
      pool: demo
      domain: example.com
      fabric: etcd:https://a:2379/demo
      servers:
        - {name: fe1, sip: "h:5071", peer: "h:6071", http: "h:8071", \(rest)}
      """
    return try PoolFile.parse(text, path: "/srv/pool.yaml").servers.first
  }

  private func problem(_ rest: String) -> String {
    do throws(PoolFileError) {
      _ = try server(rest)
      return "none"
    } catch { return error.problems.map { "\($0.what); \($0.advice)" }.joined(separator: "\n") }
  }

  @Test func aDestinationAloneIsEnough() throws {
    let server = try #require(try server("ssh: deploy@fe1, service: {unit: quorate-frontend@fe1}"))
    #expect(server.ssh == PoolFile.SSH(to: "deploy@fe1"))
    #expect(server.ssh?.state == "/var/lib/quorate" && server.ssh?.sudo == false)
    #expect(
      server.service
        == .commands(
          start: "systemctl start 'quorate-frontend@fe1'",
          stop: "systemctl stop 'quorate-frontend@fe1'",
          status: "systemctl is-active --quiet 'quorate-frontend@fe1'"
        )
    )
  }

  @Test func everythingCanBeSaid() throws {
    let ssh = "{to: fe1, port: 2222, identity: key, config: /c, sudo: true, state: /var/s, directory: /d}"
    let server = try server("ssh: \(ssh), service: {start: a, stop: b}")
    #expect(
      server?.ssh
        == PoolFile.SSH(
          to: "fe1",
          port: 2222,
          identity: "/srv/key",
          configuration: "/c",
          sudo: true,
          state: "/var/s",
          directory: "/d"
        )
    )
  }

  @Test func mistakesAreSaid() {
    #expect(problem("ssh: fe1").contains("not supervised from here; give it a 'service'"))
    #expect(problem("ssh: '-oProxyCommand=x', service: {unit: a}").contains("nothing that ssh can reach"))
    #expect(problem("ssh: 'a b', service: {unit: a}").contains("nothing that ssh can reach"))
    #expect(problem("ssh: {to: a, state: s}, service: {unit: a}").contains("write an absolute path"))
    #expect(problem("ssh: {to: a, prt: 1}, service: {unit: a}").contains("did you mean 'port'?"))
    #expect(problem("service: {unit: \"a'b\"}").contains("is no systemd unit"))
    #expect(problem("service: {unit: a, start: b}").contains("has a 'unit' and commands"))
    #expect(problem("ssh: a, service: {unit: a}") == "none")
  }
}
