import SIPMessage

/// The branch of a request that we send: `z9hG4bKq2-context-branch-seal-loop`. Context and branch say which transaction
/// a response is for, nobody can guess the seal, and a request that comes back unchanged is known by the last part
/// (RFC 3261 section 16.6 step 8).
enum ProxyBranchID {
  private static let prefix = Array("z9hG4bKq2-".utf8)
  private static let dash = UInt8(ascii: "-")

  static func make(_ configuration: ProxyConfiguration, context: UInt64, branch: Int, loop: UInt64) -> [UInt8]
  {
    var hash = KeyedHash(key: configuration.key)
    for number in [configuration.instance, context, UInt64(clamping: branch)] {
      hash.combine(field: KeyedHash.hex(number)[...])
    }
    var text = prefix
    text.append(contentsOf: String(context, radix: 16).utf8)
    text.append(dash)
    text.append(contentsOf: String(branch, radix: 16).utf8)
    text.append(dash)
    text.append(contentsOf: KeyedHash.hex(hash.finish()))
    text.append(dash)
    text.append(contentsOf: KeyedHash.hex(loop))
    return text
  }

  /// The branch of a request that is passed on without state: the same for every copy of it.
  static func stateless(_ configuration: ProxyConfiguration, _ request: SIPMessage, loop: UInt64) -> [UInt8] {
    var hash = KeyedHash(key: configuration.key)
    var vias = request.values(of: .via).makeIterator()
    hash.combine(field: vias.next() ?? [])
    hash.combine(field: request.methodBytes)
    for name in [SIPHeaderName.callID, .cseq, .from, .to] { hash.combine(field: request.header(name) ?? []) }
    return prefix + Array("0-0-".utf8) + KeyedHash.hex(hash.finish()) + [dash] + KeyedHash.hex(loop)
  }

  /// Context and branch of a text that looks like one of ours; compare it with what was sent.
  static func parse(_ text: ArraySlice<UInt8>) -> (context: UInt64, branch: Int)? {
    guard text.starts(with: prefix) else { return nil }
    let parts = text.dropFirst(prefix.count).split(separator: dash, omittingEmptySubsequences: false)
    guard parts.count == 4, let context = UInt64(parts[0].text, radix: 16),
      let branch = Int(parts[1].text, radix: 16)
    else { return nil }
    return (context, branch)
  }

  /// Whether the request was at a proxy of the pool before and is still the same (RFC 3261 section 16.3 step 4).
  static func hasLooped(_ request: SIPMessage, loop: UInt64) -> Bool {
    let mark = [dash] + KeyedHash.hex(loop)
    for value in request.values(of: .via) {
      let via: Via
      do throws(SIPParseError) {
        via = try Via(parsing: value)
      } catch {
        continue
      }
      guard let branch = via.branch, branch.starts(with: prefix), branch.count > mark.count else { continue }
      if branch.suffix(mark.count).elementsEqual(mark) { return true }
    }
    return false
  }
}
