import Registrar
import SIPMessage

/// The REGISTER requests of the simulated devices, each parsed once, and the registrar that decides on them. A class, so
/// that many histories can share one.
final class RequestBook {
  /// What a device asks for.
  enum Wish { case register, remove }

  /// The pool's registrar, as every server runs it.
  let registrar = Registrar(
    Registrar.Configuration(domains: ["example.com"], tagKey: KeyedHash.Key(low: 1, high: 2))
  )
  /// A request, and whose bindings it is about.
  struct Request {
    let message: SIPMessage
    let user: String
  }

  /// By device, then twice the CSeq number plus the wish.
  private var requests: [[Request?]] = []
  private(set) var callIDs: [[UInt8]] = []
  private(set) var sources: [Registrar.Source] = []

  /// The request of a device with that CSeq number; `nil` only if it could not be parsed.
  func request(_ device: Int, _ cseq: Int, _ wish: Wish) -> Request? {
    prepare(device)
    let slot = 2 * cseq + (wish == .register ? 1 : 0)
    while requests[device].count <= slot { requests[device].append(nil) }
    if let known = requests[device][slot] { return known }
    guard let message = try? SIPMessage(parsing: Self.bytes(device, cseq, wish)),
      case .user(let user) = registrar.target(of: message)
    else { return nil }
    requests[device][slot] = Request(message: message, user: user)
    return requests[device][slot]
  }

  /// Makes what is needed for devices up to this one.
  func prepare(_ device: Int) {
    while requests.count <= device {
      let number = requests.count
      requests.append([])
      callIDs.append(Array("call-\(number)@sim".utf8))
      sources.append(Registrar.Source(address: Array("udp:192.0.2.\(number):5060".utf8), isFirstHop: true))
    }
  }

  private static func bytes(_ device: Int, _ cseq: Int, _ wish: Wish) -> [UInt8] {
    let user = "sip:user\(device / PoolSimulation.devices)@example.com"
    return Array(
      """
      REGISTER sip:example.com SIP/2.0\r
      Via: SIP/2.0/UDP 192.0.2.\(device):5060;branch=z9hG4bK-\(device)-\(cseq)\r
      Max-Forwards: 70\r
      From: <\(user)>;tag=\(device)\r
      To: <\(user)>\r
      Call-ID: call-\(device)@sim\r
      CSeq: \(cseq) REGISTER\r
      Contact: <sip:user@192.0.2.\(device):5060>\r
      Expires: \(wish == .register ? 3_600 : 0)\r
      Content-Length: 0\r
      \r

      """.utf8
    )
  }
}

/// A user's device: what it sent, and what it was told.
struct SimulatedDevice {
  /// Whether request n, counted from 1, was to register; the others were to remove the binding.
  var wishes: [RequestBook.Wish] = []
  /// The CSeq number of the newest request that was answered with 200; 0 for none.
  var acknowledged = 0
  /// Whether the newest request is unanswered.
  var isWaiting = false

  /// Whether a record without a binding of this device can be right.
  var mayBeAbsent: Bool { acknowledged == 0 || wishes[(acknowledged - 1)...].contains(.remove) }
}
