import PoolModel
import Registrar
import SIPMessage

/// Whether a client that has registered on a stream of a server that goes out is registered through another one.
struct ClientMove {
  /// The server that goes out.
  let server: ServerName

  /// The bindings of a record that are reached over a stream.
  func bindings(on flow: UInt64, of record: RegistrationRecord?, at now: Int64) -> [Binding] {
    let place = FlowReference.text(RouteSeal.Place(server: server, flow: flow))
    return (record?.liveBindings(at: now) ?? []).filter { $0.flow == place }
  }

  /// The bindings of a record that are reached through the server by UDP.
  func datagramBindings(of record: RegistrationRecord?, at now: Int64) -> [Binding] {
    bindings(on: 0, of: record, at: now)
  }

  /// The bindings of a record that are reached over any stream of the server, and not otherwise too.
  func streamBindings(of record: RegistrationRecord?, at now: Int64) -> [Binding] {
    (record?.liveBindings(at: now) ?? []).filter { binding in
      guard let place = FlowReference.place(binding.flow) else { return false }
      return place.server == server && place.flow != 0 && !isMoved(binding, in: record, at: now)
    }
  }

  /// Whether the same client is reached through another server. The same client is the same device, if it names one
  /// (RFC 5626), else the same contact or the same address.
  func isMoved(_ old: Binding, in record: RegistrationRecord?, at now: Int64) -> Bool {
    (record?.liveBindings(at: now) ?? []).contains { new in
      guard let place = FlowReference.place(new.flow), place.server != server else { return false }
      if let device = old.instance { return new.instance == device }
      if new.contact == old.contact { return true }
      guard let was = SeenSource(old.source), let seen = SeenSource(new.source) else { return false }
      return new.instance == nil && new.updatedAt > old.updatedAt && was.client.address == seen.client.address
    }
  }

  /// Whether all bindings on a stream are moved, or gone.
  func isDone(_ flow: UInt64, in record: RegistrationRecord?, at now: Int64) -> Bool {
    bindings(on: flow, of: record, at: now).allSatisfy { isMoved($0, in: record, at: now) }
  }
}
