import SIPMessage
import SIPTransaction

/// What a notifier is told at its start. Durations in seconds where the name says so, else in milliseconds.
public struct RegConfiguration: Sendable {
  /// The key that tags and branches are made with.
  public var key: KeyedHash.Key
  /// Different in each life of each server.
  public var instance: UInt64
  /// The duration of a subscription that asks for none (RFC 3680 section 4.4 suggests 3761).
  public var defaultSeconds: UInt32
  /// The shortest; what is shorter is answered 423.
  public var leastSeconds: UInt32
  /// The longest; what is longer is cut to it.
  public var mostSeconds: UInt32
  /// The most subscriptions.
  public var mostSubscriptions: Int
  /// The most subscriptions to one user.
  public var mostPerUser: Int
  /// The least time between two notifications of a subscription that are not asked for (RFC 3680 section 4.10).
  public var interval: Int64
  /// T1, T2 and T4.
  public var timers: TimerValues
  /// Header lines of every message, such as Server.
  public var headers: SIPHeaderBlock

  /// Makes a configuration.
  public init(
    key: KeyedHash.Key,
    instance: UInt64,
    defaultSeconds: UInt32 = 3_761,
    leastSeconds: UInt32 = 60,
    mostSeconds: UInt32 = 86_400,
    mostSubscriptions: Int = 20_000,
    mostPerUser: Int = 16,
    interval: Int64 = 5_000,
    timers: TimerValues = TimerValues(),
    headers: SIPHeaderBlock = SIPHeaderBlock()
  ) {
    self.key = key
    self.instance = instance
    self.defaultSeconds = defaultSeconds
    self.leastSeconds = leastSeconds
    self.mostSeconds = mostSeconds
    self.mostSubscriptions = mostSubscriptions
    self.mostPerUser = mostPerUser
    self.interval = interval
    self.timers = timers
    self.headers = headers
  }
}

/// Where a SUBSCRIBE came from, and how its subscriber is reached.
public struct RegSource<Destination> {
  /// The way back for the response.
  public var destination: Destination
  /// The way for NOTIFY: the flow that it came on, or what its topmost Record-Route, else its Contact, names.
  public var notifyDestination: Destination
  /// Whether that transport delivers by itself.
  public var transport: TransportKind
  /// Our Via for it without parameters, such as `SIP/2.0/UDP 192.0.2.1:5060`.
  public var via: [UInt8]
  /// Our own URI, for Contact.
  public var contact: [UInt8]
  /// The address and port it was seen to come from.
  public var address: SIPSource?
  /// The flow, as `Binding.flow` has it; empty when it does not name one client (UDP).
  public var flow: [UInt8]

  /// Makes a source.
  public init(
    destination: Destination,
    notifyDestination: Destination,
    transport: TransportKind,
    via: [UInt8],
    contact: [UInt8],
    address: SIPSource? = nil,
    flow: [UInt8] = []
  ) {
    self.destination = destination
    self.notifyDestination = notifyDestination
    self.transport = transport
    self.via = via
    self.contact = contact
    self.address = address
    self.flow = flow
  }
}

/// Names a NOTIFY that was sent.
public struct RegNotifyID: Sendable, Hashable {
  let subscription: UInt64
  let number: UInt32
}

/// What the shell does, in the order given.
public enum RegAction<Destination> {
  /// Send a response back to where its request came from.
  case respond([UInt8], to: Destination)
  /// Send a NOTIFY. When that fails, at once or later, call `RegNotifier.sendFailed`.
  case send([UInt8], to: Destination, RegNotifyID)
}

/// Why the server ends subscriptions (RFC 6665 section 4.1.3).
public enum RegEnd: String, Sendable, Hashable {
  /// Subscribe again at once: the pool will see to it that it is elsewhere.
  case deactivated
  /// It was not renewed.
  case timeout
  /// The user is gone.
  case noresource
}
