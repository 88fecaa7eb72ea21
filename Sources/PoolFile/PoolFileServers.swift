import PoolModel
import Yams

extension PoolFileReader {
  /// `servers`: each by itself, then what they must not share. `nil` when none could be read.
  mutating func servers(_ section: Section, base: String) -> [PoolFile.Server]? {
    guard let node = section.values["servers"] else {
      report(section.place, "the pool file has no 'servers'", "list at least one under 'servers:'")
      return nil
    }
    guard let list = node.sequence, !list.isEmpty else {
      report(node.mark, "'servers' lists no server", "list at least one, as '- name: fe1' and its addresses")
      return nil
    }
    guard list.count <= 1000 else {
      report(node.mark, "'servers' lists \(list.count) servers", "a pool has at most 1000")
      return nil
    }
    var shared = SharedNames()
    var servers: [PoolFile.Server] = []
    for (index, item) in list.enumerated() {
      if let server = server(item, number: index + 1, base: base, shared: &shared) { servers.append(server) }
    }
    checkUpgradeDomains(
      servers,
      place: shared.firstDomain ?? node.mark,
      complete: servers.count == list.count
    )
    return servers.isEmpty ? nil : servers
  }

  /// Names and addresses that were taken, and where.
  private struct SharedNames {
    var names: [String: Mark?] = [:]
    var addresses: [PoolFile.Address: Mark?] = [:]
    var firstDomain: Mark?
  }

  private mutating func server(
    _ node: Node,
    number: Int,
    base: String,
    shared: inout SharedNames
  ) -> PoolFile.Server? {
    let known = ["name", "sip", "peer", "http", "tls", "upgrade-domain", "service", "ssh"]
    guard let section = section(node, "server \(number)", known: known) else { return nil }
    let text = text(section, "name", required: true)
    let name = name(text, "server name")
    if let name, let text { claim(name, text.place, &shared.names, "server name '\(name)'") }
    var addresses: [PoolFile.Address] = []
    for key in ["sip", "peer", "http"] {
      guard let address = address(section, key) else { continue }
      claim(address.value, address.place, &shared.addresses, "address \(address.value)")
      addresses.append(address.value)
    }
    let tls = tls(section, base: base, shared: &shared)
    let domainText = self.text(section, "upgrade-domain")
    let domain = self.name(domainText, "upgrade domain")
    if shared.firstDomain == nil { shared.firstDomain = domainText?.place }
    let service = service(section)
    let ssh = ssh(section, base: base)
    if ssh != nil, service == .supervised {
      report(
        section.values["ssh"]?.mark,
        "a server that is reached over ssh is not supervised from here",
        "give it a 'service', for example 'service: {unit: quorate-frontend@\(name ?? "fe1")}'"
      )
    }
    guard let name, addresses.count == 3 else { return nil }
    return PoolFile.Server(
      name: ServerName(name),
      sip: addresses[0],
      peer: addresses[1],
      http: addresses[2],
      tls: tls,
      upgradeDomain: domain.map { UpgradeDomain($0) },
      service: service,
      ssh: ssh
    )
  }

  private mutating func claim<Key: Hashable>(
    _ key: Key,
    _ place: Mark?,
    _ taken: inout [Key: Mark?],
    _ what: String
  ) {
    if let first = taken[key] {
      report(place, "\(what) is used twice", "line \(first?.line ?? 1) has it already; give each its own")
    } else {
      taken[key] = place
    }
  }

  private mutating func tls(_ section: Section, base: String, shared: inout SharedNames) -> PoolFile.TLS? {
    guard let node = section.values["tls"],
      let inner = self.section(node, "'tls'", known: ["address", "certificate", "key", "authorities"])
    else { return nil }
    let address = address(inner, "address")
    if let address { claim(address.value, address.place, &shared.addresses, "address \(address.value)") }
    let certificate = text(inner, "certificate", required: true)?.value
    let key = text(inner, "key", required: true)?.value
    guard let address, let certificate, let key else { return nil }
    return PoolFile.TLS(
      address: address.value,
      certificate: PoolFile.absolute(certificate, from: base),
      key: PoolFile.absolute(key, from: base),
      authorities: text(inner, "authorities").map { PoolFile.absolute($0.value, from: base) }
    )
  }

  private mutating func service(_ section: Section) -> PoolFile.Service {
    guard let node = section.values["service"] else { return .supervised }
    if node.scalar?.string == "supervised" { return .supervised }
    guard let inner = self.section(node, "'service'", known: ["start", "stop", "status", "unit"]) else {
      return .supervised
    }
    if let unit = text(inner, "unit") { return self.unit(unit, inner) }
    let start = text(inner, "start", required: true)?.value
    let stop = text(inner, "stop", required: true)?.value
    let status = text(inner, "status")?.value
    guard let start, let stop else { return .supervised }
    return .commands(start: start, stop: stop, status: status)
  }

  /// A systemd unit is three commands.
  private mutating func unit(_ unit: Located<String>, _ section: Section) -> PoolFile.Service {
    let isName = unit.value.utf8.allSatisfy { Names.isAlphanumeric($0) || ":-_.\\@".utf8.contains($0) }
    if !isName || unit.value.hasPrefix("-") {
      report(unit.place, "'\(unit.value)' is no systemd unit", "write it like quorate-frontend@fe1.service")
    }
    if section.values.count > 1 {
      report(section.place, "'service' has a 'unit' and commands", "give either the unit or the commands")
    }
    return .commands(
      start: "systemctl start '\(unit.value)'",
      stop: "systemctl stop '\(unit.value)'",
      status: "systemctl is-active --quiet '\(unit.value)'"
    )
  }

  /// `ssh`: a destination alone, or with what goes with it.
  private mutating func ssh(_ section: Section, base: String) -> PoolFile.SSH? {
    guard let node = section.values["ssh"] else { return nil }
    if let scalar = node.scalar {
      return destination(Located(value: scalar.string, place: node.mark)).map { PoolFile.SSH(to: $0) }
    }
    let known = ["to", "port", "identity", "config", "sudo", "state", "directory"]
    guard let inner = self.section(node, "'ssh'", known: known) else { return nil }
    guard let to = text(inner, "to", required: true), let to = destination(to) else { return nil }
    var ssh = PoolFile.SSH(to: to)
    if inner.values["port"] != nil { ssh.port = integer(inner, "port", in: 1...65_535, default: 22) }
    ssh.identity = text(inner, "identity").map { PoolFile.absolute($0.value, from: base) }
    ssh.configuration = text(inner, "config").map { PoolFile.absolute($0.value, from: base) }
    ssh.sudo = choice(inner, "sudo", default: YesNo.no) == .yes
    if let state = remotePath(inner, "state") { ssh.state = state }
    ssh.directory = remotePath(inner, "directory")
    return ssh
  }

  private mutating func destination(_ text: Located<String>) -> String? {
    let isGood =
      !text.value.isEmpty && text.value.utf8.count <= 253 && !text.value.hasPrefix("-")
      && text.value.utf8.allSatisfy { Names.isAlphanumeric($0) || "@._-:%[]".utf8.contains($0) }
    if isGood { return text.value }
    report(
      text.place,
      "'\(text.value)' is nothing that ssh can reach",
      "write it like deploy@fe1.example.com"
    )
    return nil
  }

  /// A path on the server's own machine.
  private mutating func remotePath(_ section: Section, _ key: String) -> String? {
    guard let text = text(section, key) else { return nil }
    if text.value.hasPrefix("/"), text.value.utf8.count <= 1_024 { return text.value }
    report(text.place, "'\(key)' is '\(text.value)'", "write an absolute path of the server's machine")
    return nil
  }

  /// A domain that holds every server would allow all of them to be taken out together.
  private mutating func checkUpgradeDomains(_ servers: [PoolFile.Server], place: Mark?, complete: Bool) {
    guard complete, servers.count > 1, let first = servers.first?.upgradeDomain,
      servers.allSatisfy({ $0.upgradeDomain == first })
    else { return }
    report(
      place,
      "upgrade domain '\(first)' holds every server of the pool",
      "give at least one server another upgrade-domain, or leave the lines out"
    )
  }
}
