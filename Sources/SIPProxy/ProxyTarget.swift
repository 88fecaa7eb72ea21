import Registrar
import SIPMessage
import SIPTransaction

/// Where a request came from, and the shell's way back to there.
public struct ProxySource<Destination> {
  /// The way back. Over UDP the shell works it out from the source and the topmost Via (RFC 3261 section 18.2.2, RFC
  /// 3581 section 4).
  public var destination: Destination
  /// The address and port it was seen to come from, for `received` and `rport`.
  public var address: SIPSource?
  /// Whether the transport delivers by itself.
  public var transport: TransportKind

  /// Makes a source.
  public init(destination: Destination, address: SIPSource?, transport: TransportKind) {
    self.destination = destination
    self.address = address
    self.transport = transport
  }
}

/// One place to send a request to.
public struct ProxyTarget<Destination> {
  /// How the shell gets there; only handed back.
  public var destination: Destination
  /// Whether that transport delivers by itself.
  public var transport: TransportKind
  /// Our Via for it without parameters, such as `SIP/2.0/UDP 192.0.2.1:5060`.
  public var via: [UInt8]
  /// The new Request-URI; nil keeps that of the `RoutePlan` (it goes to where its Route or Request-URI says).
  public var uri: [UInt8]?
  /// Route values to put before those of the request: the Path of a binding (RFC 3327 section 5.5).
  public var routes: [[UInt8]]
  /// The URIs of our Record-Route values, topmost first, without brackets and without `lr`, which are added. They are
  /// written into requests of methods that make dialogs only.
  public var recordRoutes: [[UInt8]]
  /// `q` in thousandths: targets of the same q are tried at the same time, lower ones after higher ones.
  public var q: Int
  /// The device (`+sip.instance`) when it has several flows: only one of them is tried at a time (RFC 5626 section 7).
  public var device: [UInt8]?
  /// The same place over a stream, for a request that is too large for a datagram (RFC 3261 section 18.1.1); at most one.
  /// When it fails the datagram is sent after all.
  public var overStream: [ProxyTarget] = []

  /// The largest request that goes by datagram where a stream can be had, in bytes.
  public static var largestDatagram: Int { 1_300 }

  /// Makes a target.
  public init(
    destination: Destination,
    transport: TransportKind,
    via: [UInt8],
    uri: [UInt8]? = nil,
    routes: [[UInt8]] = [],
    recordRoutes: [[UInt8]] = [],
    q: Int = 1_000,
    device: [UInt8]? = nil
  ) {
    self.destination = destination
    self.transport = transport
    self.via = via
    self.uri = uri
    self.routes = routes
    self.recordRoutes = recordRoutes
    self.q = q
    self.device = device
  }

  /// The target that a binding stands for. Give those of `RegistrationRecord.liveBindings` in their order.
  public init(
    _ binding: Binding,
    destination: Destination,
    transport: TransportKind,
    via: [UInt8],
    recordRoutes: [[UInt8]] = []
  ) {
    self.init(
      destination: destination,
      transport: transport,
      via: via,
      uri: binding.contact,
      routes: binding.paths,
      recordRoutes: recordRoutes,
      q: binding.q,
      device: binding.isOutbound ? binding.instance : nil
    )
  }
}

/// Names a response context.
public struct ProxyContextID: Sendable, Hashable {
  let serial: UInt64
}

/// Names what was sent, to say that it could not be sent.
public struct ProxySend: Sendable, Hashable {
  let context: UInt64
  let branch: Int
  let isCancel: Bool
}

/// What the shell does, in the order given.
public enum ProxyAction<Destination> {
  /// Send a response back to where its request came from. When that fails, nothing need be done.
  case respond([UInt8], to: Destination)
  /// Send a request. When that fails, at once or later, call `ProxyTable.sendFailed` unless the name is nil.
  case send([UInt8], to: Destination, ProxySend?)
}

/// Why a request was not sent.
public enum ProxySendFailure: Sendable, Hashable {
  /// The transport failed: as a 503 of that branch (RFC 3261 section 16.9).
  case transport
  /// The flow of the client is gone: as a 430 (RFC 5626 section 5.3).
  case flow

  var status: Int { self == .transport ? 503 : 430 }
}
