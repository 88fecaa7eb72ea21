import PoolModel
import Yams

/// A switch of the pool file, as YAML writes one.
enum YesNo: String, CaseIterable {
  case yes = "true"
  case no = "false"
}

extension PoolFileReader {
  private static let keys = [
    "pool", "domain", "fabric", "etcd", "max-stale", "root", "groups", "servers-needed", "lease-ttl",
    "drain-time",
    "replica-restart-wait", "registrar", "pool-key", "servers", "patch",
  ]

  /// The whole file. What it returns is of use only while `problems` is empty.
  mutating func pool(_ node: Node) -> PoolFile? {
    guard let section = section(node, "the pool file", known: Self.keys) else { return nil }
    let base = directory
    let pool = name(text(section, "pool", required: true), "pool name")
    let domain = domain(section)
    let fabric = fabric(section, base: base)
    let root = text(section, "root")?.value ?? "."
    let groups = integer(section, "groups", in: 1...99_999, default: 24)
    let servers = servers(section, base: base)
    let needed = serversNeeded(section, of: servers?.count)
    let leaseTTL = duration(
      section,
      "lease-ttl",
      in: .milliseconds(500)...(.seconds(60)),
      default: .seconds(2)
    )
    let drain = duration(section, "drain-time", in: .zero...(.seconds(86_400)), default: .seconds(30))
    let wait = duration(
      section,
      "replica-restart-wait",
      in: .zero...DurationText.longest,
      default: .seconds(1800)
    )
    let registrar = registrar(section)
    let patch = section.values["patch"].flatMap { self.patch($0) }
    guard let pool, let domain, let fabric, let servers else { return nil }
    let poolKey = text(section, "pool-key")?.value
    var file = PoolFile(
      path: path,
      pool: PoolName(pool),
      domain: domain,
      fabric: fabric,
      root: PoolFile.absolute(root, from: base),
      groups: groups,
      serversNeeded: needed,
      leaseTTL: leaseTTL,
      drainTime: drain,
      replicaRestartWait: wait,
      registrar: registrar,
      servers: servers,
      patch: patch
    )
    file.etcd = etcd(section, base: base)
    file.maxStale = duration(section, "max-stale", in: .zero...(.seconds(86_400)), default: file.maxStale)
    file.poolKey = poolKey.map { PoolFile.absolute($0, from: base) }
    return file
  }

  /// The directory that relative paths of the file count from.
  private var directory: String {
    guard let slash = path.lastIndex(of: "/") else { return PoolFile.workingDirectory() }
    let part = String(path[..<slash])
    return part.isEmpty ? "/" : part
  }

  private mutating func domain(_ section: Section) -> String? {
    guard let text = text(section, "domain", required: true) else { return nil }
    let domain = text.value.lowercased()
    guard Names.isHost(domain) else {
      report(
        text.place,
        "'\(text.value)' is no SIP domain",
        "write the part after the @ of your users, like example.com"
      )
      return nil
    }
    return domain
  }

  private mutating func fabric(_ section: Section, base: String) -> PoolFile.Fabric? {
    guard let text = text(section, "fabric", required: true) else { return nil }
    if let fabric = PoolFile.Fabric(text.value, from: base) { return fabric }
    report(
      text.place,
      "'fabric' is '\(text.value)'",
      "write sqlite:FILE, or etcd:https://host:2379,host:2379/prefix"
    )
    return nil
  }

  private mutating func serversNeeded(_ section: Section, of count: Int?) -> Int {
    let count = max(1, count ?? 1)
    // In a pool of two the store is the witness, as for its groups: one is enough.
    let usual = Quorum.needed(forTarget: count)
    guard section.values["servers-needed"] != nil else { return usual }
    return integer(section, "servers-needed", in: 1...count, default: usual)
  }

  private mutating func registrar(_ section: Section) -> PoolFile.Registrar {
    let usual = PoolFile.Registrar()
    guard let node = section.values["registrar"],
      let inner = self.section(
        node,
        "'registrar'",
        known: ["min-expires", "default-expires", "max-expires", "max-contacts", "open"]
      )
    else { return usual }
    let week = 604_800
    let registrar = PoolFile.Registrar(
      minExpires: integer(inner, "min-expires", in: 1...3600, default: usual.minExpires),
      defaultExpires: integer(inner, "default-expires", in: 1...week, default: usual.defaultExpires),
      maxExpires: integer(inner, "max-expires", in: 1...week, default: usual.maxExpires),
      maxContacts: integer(inner, "max-contacts", in: 1...1000, default: usual.maxContacts),
      isOpen: choice(inner, "open", default: YesNo.no) == .yes
    )
    // RFC 3261 section 10.2.8: 423 is only for an interval below one hour, so min-expires ends there.
    if registrar.minExpires > registrar.maxExpires || registrar.defaultExpires > registrar.maxExpires {
      report(
        node.mark,
        "'registrar' has a min-expires or default-expires above its max-expires",
        "keep min-expires and default-expires at most max-expires (\(registrar.maxExpires))"
      )
    }
    return registrar
  }
}
