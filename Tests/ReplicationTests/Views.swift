import PoolModel
import Replication

/// Short ways to write views in tests: servers are letters, groups are numbers.
func view(
  servers: String,
  domains: [String: String] = [:],
  down: String = "",
  out: String = "",
  leaving: String = "",
  groups: [GroupRecord] = [],
  declared: Int? = nil
) -> FabricView {
  let mark = OutMark(by: "test", reason: "test", since: PoolTime(milliseconds: 0))
  var view = FabricView(epoch: 1, revision: 10)
  view.pool = Versioned(
    PoolRecord(name: PoolName("p"), domain: "example.com", groups: declared ?? groups.count, featureLevel: 1),
    revision: 1
  )
  for (position, letter) in servers.enumerated() {
    let name = ServerName(String(letter))
    let service: ServiceState =
      out.contains(letter) ? .out(mark) : leaving.contains(letter) ? .leaving(mark) : .inService
    view.servers[name] = Versioned(
      ServerRecord(
        name: name,
        upgradeDomain: UpgradeDomain(domains[String(letter)] ?? String(letter)),
        service: service
      ),
      revision: 2
    )
    guard !down.contains(letter) else { continue }
    view.live[name] = Versioned(live(String(letter), instance: UInt64(position + 1)), revision: 3)
  }
  for group in groups { view.groups[group.id] = Versioned(group, revision: 4) }
  return view
}

func live(_ name: String, instance: UInt64) -> LiveRecord {
  LiveRecord(
    name: ServerName(name),
    instance: instance,
    version: "1.0",
    peerAddress: "\(name):1",
    sipAddress: "\(name):2",
    processID: 1
  )
}

/// A group from text: `"a b c"` is led by `a`, all three built; `"a b c-"`: `c` was never built; `"- a b"`: nobody
/// leads. Instances are 1 for `a`, 2 for `b` and so on, as `view` gives them.
func group(_ number: Int, _ text: String, generation: UInt64 = 1) -> GroupRecord {
  var words = text.split(separator: " ").map(String.init)
  let isLed = words.first != "-"
  if !isLed { words.removeFirst() }
  let replicas = words.map { word in
    let name = String(word.prefix(1))
    return ReplicaRecord(server: ServerName(name), builtBy: word.hasSuffix("-") ? 0 : instance(of: name))
  }
  return GroupRecord(
    id: RoutingGroupID(number),
    generation: generation,
    primary: isLed ? replicas.first?.server : nil,
    primaryInstance: isLed ? replicas.first?.builtBy ?? 0 : 0,
    replicas: replicas
  )
}

private func instance(of name: String) -> UInt64 { UInt64((name.utf8.first ?? 0x61) - 0x60) }

extension GroupRecord {
  /// The servers of its replicas, as letters in order.
  var members: String { replicas.map(\.server.rawValue).sorted().joined() }
}

extension FabricView {
  /// The view after these updates, as if each was applied.
  func applying(_ updates: [FabricUpdate]) -> FabricView {
    var view = self
    for update in updates {
      view.revision += 1
      for write in update.writes {
        switch write {
        case .pool(let record): view.pool = Versioned(record, revision: view.revision)
        case .server(let record): view.servers[record.name] = Versioned(record, revision: view.revision)
        case .removeServer(let name): view.servers[name] = nil
        case .group(let record, _): view.groups[record.id] = Versioned(record, revision: view.revision)
        case .epoch: view.epoch = view.revision
        }
      }
    }
    return view
  }
}
