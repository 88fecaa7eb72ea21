import SIPMessage

extension Registrar {
  /// What an operator sets. It must be the same on every server of a pool.
  public struct Configuration: Sendable, Hashable {
    /// The domains whose users register here, in lower case.
    public var domains: Set<String>
    /// Further hosts that a Request-URI may name: addresses and names of the servers, in lower case.
    public var hosts: Set<String>
    /// The shortest expiry that is taken, in seconds; a shorter one gets 423. Over 3,600 it counts as 3,600, because
    /// RFC 3261 section 10.3 step 7 allows 423 only below an hour.
    public var minimumExpires: UInt32
    /// The expiry when a request names none, in seconds.
    public var defaultExpires: UInt32
    /// The longest expiry that is granted, in seconds.
    public var maximumExpires: UInt32
    /// The most contacts of one address-of-record.
    public var contactsPerUser: Int
    /// The most Contact values of one request.
    public var contactsPerRequest: Int
    /// The most bytes of a canonical address-of-record; the store's keys are limited.
    public var addressBytes: Int
    /// The most bytes of Path values kept with a binding.
    public var pathBytes: Int
    /// The option tags that Require may name.
    public var supportedOptions: [String]
    /// How often, in seconds, a client with Outbound should show that its flow lives (RFC 5626 section 4.4).
    public var flowTimer: UInt32
    /// The key that To tags are made with; the same on all servers.
    public var tagKey: KeyedHash.Key

    /// Makes a configuration.
    public init(
      domains: Set<String>,
      hosts: Set<String> = [],
      minimumExpires: UInt32 = 60,
      defaultExpires: UInt32 = 3_600,
      maximumExpires: UInt32 = 7_200,
      contactsPerUser: Int = 32,
      contactsPerRequest: Int = 32,
      addressBytes: Int = 512,
      pathBytes: Int = 2_048,
      supportedOptions: [String] = ["path", "outbound"],
      flowTimer: UInt32 = 120,
      tagKey: KeyedHash.Key
    ) {
      self.domains = domains
      self.hosts = hosts
      self.minimumExpires = minimumExpires
      self.defaultExpires = defaultExpires
      self.maximumExpires = maximumExpires
      self.contactsPerUser = contactsPerUser
      self.contactsPerRequest = contactsPerRequest
      self.addressBytes = addressBytes
      self.pathBytes = pathBytes
      self.supportedOptions = supportedOptions
      self.flowTimer = flowTimer
      self.tagKey = tagKey
    }
  }

  /// How a REGISTER reached us, as the shell knows it.
  public struct Source: Sendable, Hashable {
    /// Transport and source address as text, such as `udp:192.0.2.1:5060`.
    public var address: [UInt8]
    /// The server and the flow that the client is reached through; opaque here.
    public var flow: [UInt8]
    /// Whether the client sent to us directly; decides on Outbound (RFC 5626 section 6). Nil counts the Via values.
    public var isFirstHop: Bool?

    /// Makes a source.
    public init(address: [UInt8], flow: [UInt8] = [], isFirstHop: Bool? = nil) {
      self.address = address
      self.flow = flow
      self.isFirstHop = isFirstHop
    }
  }
}
