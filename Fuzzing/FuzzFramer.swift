/// Compiled into one module with Sources/SIPMessage by scripts/fuzz.sh. The first byte says into what pieces the stream falls;
/// the messages found must be the same as when it comes whole.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFramer(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 1 else { return 0 }
  let piece = Int(data[0]) + 1
  let stream = Array(UnsafeBufferPointer(start: data + 1, count: count - 1))
  let whole = elements(of: stream, piece: stream.count)
  let pieces = elements(of: stream, piece: piece)
  precondition(whole == pieces, "framing depends on how the stream is cut")
  return 0
}

private func elements(of stream: [UInt8], piece: Int) -> [SIPStreamFramer.Element] {
  var framer = SIPStreamFramer()
  var found: [SIPStreamFramer.Element] = []
  var start = 0
  while start < stream.count {
    let end = min(start + piece, stream.count)
    framer.append(stream[start..<end])
    start = end
    do {
      while let element = try framer.next() { found.append(element) }
    } catch {
      return found
    }
  }
  return found
}
