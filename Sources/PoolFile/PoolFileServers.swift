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
    let known = ["name", "sip", "peer", "http", "tls", "upgrade-domain", "service"]
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
    guard let name, addresses.count == 3 else { return nil }
    return PoolFile.Server(
      name: ServerName(name),
      sip: addresses[0],
      peer: addresses[1],
      http: addresses[2],
      tls: tls,
      upgradeDomain: domain.map { UpgradeDomain($0) },
      service: service
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
    guard let inner = self.section(node, "'service'", known: ["start", "stop", "status"]) else {
      return .supervised
    }
    let start = text(inner, "start", required: true)?.value
    let stop = text(inner, "stop", required: true)?.value
    let status = text(inner, "status")?.value
    guard let start, let stop else { return .supervised }
    return .commands(start: start, stop: stop, status: status)
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
