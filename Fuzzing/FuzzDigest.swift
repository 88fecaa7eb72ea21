import SIPMessage

/// Compiled with the parser of Sources/SIPDigest by scripts/fuzz.sh. An answer that is read is read the same after it was
/// written anew.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDigest(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let answer = DigestResponse(parsing: bytes[...]) else { return 0 }
  _ = answer.nonceCount
  let again = DigestResponse(parsing: written(answer)[...])
  precondition(again == answer, "an answer differs after it was written anew")
  return 0
}

private func written(_ answer: DigestResponse) -> [UInt8] {
  var text = Array("Digest ".utf8)
  func add(_ name: String, _ value: [UInt8]?, isFirst: Bool = false) {
    guard let value else { return }
    if !isFirst { text.append(UInt8(ascii: ",")) }
    text += Array("\(name)=\"".utf8)
    for byte in value {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
      text.append(byte)
    }
    text.append(UInt8(ascii: "\""))
  }
  add("username", answer.username, isFirst: true)
  add("realm", answer.realm)
  add("nonce", answer.nonce)
  add("uri", answer.uri)
  add("response", answer.response)
  add("qop", answer.qop)
  add("cnonce", answer.cnonce)
  add("nc", answer.nonceCountText)
  // An algorithm that is not known stands for all of them.
  add("algorithm", Array((answer.algorithm?.rawValue ?? "none").utf8))
  return text
}
