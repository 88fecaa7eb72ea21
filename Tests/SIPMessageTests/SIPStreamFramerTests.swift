import SIPMessage
import Testing

@Suite struct SIPStreamFramerTests {
  static let first = wire("MESSAGE sip:x SIP/2.0\nTo: <sip:a>\nContent-Length: 5\n\nhello")
  static let second = wire("SIP/2.0 200 OK\nSubject: a\n content-length: 9\nl :\n  2\n\nhi")

  private func all(_ framer: inout SIPStreamFramer) throws -> [SIPStreamFramer.Element] {
    var result: [SIPStreamFramer.Element] = []
    while let element = try framer.next() { result.append(element) }
    return result
  }

  @Test func cutsMessagesHoweverTheyCome() throws {
    let stream = Self.first + Self.second + [13, 10, 13, 10] + Self.first
    let expected: [SIPStreamFramer.Element] = [
      .message(Self.first), .message(Self.second), .keepAlivePing, .message(Self.first),
    ]
    for size in [1, 2, 3, 7, 50, stream.count] {
      var framer = SIPStreamFramer()
      var found: [SIPStreamFramer.Element] = []
      var at = 0
      while at < stream.count {
        framer.append(stream[at..<min(at + size, stream.count)])
        found += try all(&framer)
        at += size
      }
      #expect(found == expected, "size \(size)")
      #expect(framer.pendingBytes == 0)
    }
  }

  @Test func tellsPingFromPong() throws {
    var server = SIPStreamFramer()
    server.append([13, 10])
    #expect(try server.next() == nil)
    server.append([13])
    #expect(try server.next() == nil)
    server.append([10])
    #expect(try server.next() == .keepAlivePing)
    server.append([13, 10])
    server.append(Self.first)
    #expect(try all(&server) == [.keepAlivePong, .message(Self.first)])
    var client = SIPStreamFramer(expectsPongs: true)
    client.append([13, 10])
    #expect(try client.next() == .keepAlivePong)
    client.append(Self.first + [13])
    #expect(try all(&client) == [.message(Self.first)])
    client.append([10])
    #expect(try client.next() == .keepAlivePong)
  }

  @Test(arguments: [
    ("OPTIONS sip:x SIP/2.0\nA: b\n\n", SIPParseError.Reason.missingContentLength),
    ("OPTIONS sip:x SIP/2.0\nl: 1\nContent-Length: 1\n\na", .badContentLength),
    ("OPTIONS sip:x SIP/2.0\nl: -1\n\na", .badContentLength),
    ("OPTIONS sip:x SIP/2.0\nl:\n\na", .badContentLength),
    ("OPTIONS sip:x SIP/2.0\nl: 70000\n\na", .messageTooLarge),
    ("OPTIONS sip:x SIP/2.0\nl: 99999999999999999999999\n\na", .messageTooLarge),
  ])
  func losesFraming(_ text: String, _ reason: SIPParseError.Reason) {
    var framer = SIPStreamFramer()
    framer.append(wire(text))
    let error = #expect(throws: SIPParseError.self) { try framer.next() }
    #expect(error?.reason == reason)
    #expect(error?.status != nil)
    #expect(framer.unframed.text.hasPrefix("OPTIONS"))
    framer.append(Self.first)
    #expect(throws: SIPParseError.self) { try framer.next() }
  }

  @Test func boundsAHeaderSectionWithoutEnd() throws {
    var framer = SIPStreamFramer(limits: SIPLimits(messageBytes: 1_000, headerSectionBytes: 100))
    var refused = 0
    for count in 1...200 where refused == 0 {
      framer.append([UInt8(ascii: "a")])
      do {
        #expect(try framer.next() == nil)
      } catch {
        refused = count
      }
    }
    #expect(refused == 101)
  }

  @Test func isLinearInOneByteReads() throws {
    // 64 KiB byte by byte, many messages: quadratic work would take minutes here.
    var message = wire("MESSAGE sip:x SIP/2.0\nContent-Length: 60000\n\n")
    message += [UInt8](repeating: 13, count: 60_000)
    var framer = SIPStreamFramer()
    var count = 0
    for _ in 0..<4 {
      for byte in message {
        framer.append(CollectionOfOne(byte))
        while let element = try framer.next() {
          #expect(element == .message(message))
          count += 1
        }
      }
    }
    #expect(count == 4)
    #expect(framer.pendingBytes == 0)
  }

  @Test func keepsItsPlaceWhenItMoves() throws {
    // A big message, then a part of the next, so that the buffer is moved while a header section is known.
    var framer = SIPStreamFramer()
    let big = wire("MESSAGE sip:x SIP/2.0\nl: 9000\n\n") + [UInt8](repeating: 65, count: 9_000)
    framer.append(big + Self.first.dropLast(2))
    #expect(try framer.next() == .message(big))
    #expect(try framer.next() == nil)
    framer.append(Self.first.suffix(2).dropLast())
    #expect(try framer.next() == nil)
    framer.append(Self.first.suffix(1))
    #expect(try framer.next() == .message(Self.first))
  }

  @Test func neverTrapsOnNoise() {
    var generator = SeededGenerator(state: 7)
    let alphabet: [UInt8] = [13, 10, 13, 10, 0x20, 0x6C, 0x3A, 0x31, 0x39, 0, 255, 0x41]
    for _ in 0..<300 {
      var framer = SIPStreamFramer(limits: SIPLimits(messageBytes: 400, headerSectionBytes: 200))
      for _ in 0..<200 {
        framer.append(
          (0..<Int.random(in: 0..<9, using: &generator)).map { _ in
            alphabet.randomElement(using: &generator) ?? 0
          }
        )
        do {
          while let element = try framer.next() {
            if case .message(let bytes) = element { _ = try? SIPMessage(parsing: bytes) }
          }
        } catch { break }
        #expect(framer.pendingBytes <= 400)
      }
    }
  }
}
