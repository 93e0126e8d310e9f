-- Wireshark dissector for the control packets of wh: UDP payloads that start with ff 01 to ff 04.
--
-- Use: tshark -X lua_script:config/wireshark/wh.lua -r FILE, or put it into Wireshark's folder of personal Lua plugins.
-- Filter: "wirehub", "wirehub.format == 2", "wirehub.connection == 10:11:12:13:14:15:16:17".
-- It decrypts nothing: the keys never leave the nodes. docs/protocol/control.md, home.md, relay.md and stream.md describe every byte.

local wirehub = Proto('wirehub', 'wh control protocol')

local formats = { [1] = 'sealed datagram', [2] = 'stream packet', [3] = 'LAN announcement', [4] = 'BIND, to a port of a relay' }

local f = {
  format = ProtoField.uint8('wirehub.format', 'Format', base.DEC, formats),
  check = ProtoField.bytes('wirehub.check', 'Check, keyed with the receiver\'s public key'),
  ephemeral = ProtoField.bytes('wirehub.ephemeral', 'Ephemeral public key (e)'),
  sender = ProtoField.bytes('wirehub.sender', 'Sender\'s public key, sealed (s)'),
  body = ProtoField.bytes('wirehub.body', 'Message, sealed'),
  message_length = ProtoField.uint16('wirehub.message_length', 'Length of the message'),
  connection = ProtoField.bytes('wirehub.connection', 'Connection id', base.COLON),
  number = ProtoField.uint64('wirehub.number', 'Packet number'),
  frames = ProtoField.bytes('wirehub.frames', 'Frames, sealed'),
  frames_length = ProtoField.uint16('wirehub.frames_length', 'Length of the frames'),
  nonce = ProtoField.bytes('wirehub.nonce', 'Nonce'),
  port = ProtoField.uint16('wirehub.port', 'WireGuard port of the sender'),
  tag = ProtoField.bytes('wirehub.tag', 'Tag, keyed with the sender\'s public key'),
}
wirehub.fields = f

local short = ProtoExpert.new('wirehub.short', 'Shorter than its format allows', expert.group.MALFORMED, expert.severity.WARN)
local future = ProtoExpert.new('wirehub.future', 'A format that this dissector does not know; nodes drop it', expert.group.UNDECODED, expert.severity.NOTE)
wirehub.experts = { short, future }

-- The lengths of src/protocol/control/constants.ts and src/protocol/lan/announcement.ts.
local least = { [1] = 115, [2] = 34, [3] = 36, [4] = 165 }
local tag_length = 16

-- What a message may be, by its length: the only thing that an onlooker can guess.
local function guess(length)
  if length == 28 then return 'PONG (IPv4)?' end
  if length == 40 then return 'PING or PONG (IPv6)?' end
  if length == 783 then return 'FIND or the longest RECORD?' end
  if length == 15 then return 'RECORD, none?' end
  if length == 14 then return 'CALLED?' end
  if length == 39 then return 'BOUND (IPv4)?' end
  if length == 51 then return 'BOUND (IPv6)?' end
  if length == 50 then return 'LEASE (IPv4)?' end
  if length == 78 then return 'HOME or LEASE (IPv6)?' end
  if length == 80 then return 'HOME or LEASE (IPv6), with a relay port?' end
  if length >= 1086 then return 'OPEN, CALL, or a PING that probes the MTU?' end
  if length >= 192 and length % 64 == 0 then return 'OFFER?' end
  if length >= 178 then return 'CALL, RECORD or PING?' end
  return 'RECORD, LEASE or PING?'
end

local function sealed_fields(buffer, tree)
  local length = buffer:len() - 114
  tree:add(f.check, buffer(2, 16))
  tree:add(f.ephemeral, buffer(18, 32))
  tree:add(f.sender, buffer(50, 48))
  tree:add(f.body, buffer(98))
  tree:add(f.message_length, buffer(98), length):set_generated()
  return length
end

local function sealed(buffer, tree)
  local length = sealed_fields(buffer, tree)
  return 'sealed, ' .. length .. ' bytes: ' .. guess(length)
end

local function bind(buffer, tree)
  return 'BIND, sealed, ' .. sealed_fields(buffer, tree) .. ' bytes'
end

local function stream(buffer, tree)
  local length = buffer:len() - 18 - tag_length
  tree:add(f.connection, buffer(2, 8))
  tree:add(f.number, buffer(10, 8))
  tree:add(f.frames, buffer(18))
  tree:add(f.frames_length, buffer(18), length):set_generated()
  return 'stream ' .. tostring(buffer(2, 4):bytes()):lower() .. '…, packet ' .. tostring(buffer(10, 8):uint64()) .. ', ' .. length .. ' bytes'
end

local function announcement(buffer, tree)
  tree:add(f.nonce, buffer(2, 16))
  tree:add(f.port, buffer(18, 2))
  tree:add(f.tag, buffer(20, 16))
  return 'announcement, port ' .. buffer(18, 2):uint()
end

local by_format = { sealed, stream, announcement, bind }

function wirehub.dissector(buffer, packet, root)
  packet.cols.protocol = 'wh'
  local tree = root:add(wirehub, buffer())
  tree:add(f.format, buffer(1, 1))
  local format = buffer(1, 1):uint()
  local dissect = by_format[format]
  if not dissect then
    tree:add_proto_expert_info(future)
    packet.cols.info = 'format ' .. format
  elseif buffer:len() < least[format] then
    tree:add_proto_expert_info(short)
    packet.cols.info = formats[format] .. ', cut'
  else
    packet.cols.info = dissect(buffer, tree)
  end
  return buffer:len()
end

-- WireGuard's own packets start with 1 to 4 and three zeros, so they stay with Wireshark's dissector.
wirehub:register_heuristic('udp', function(buffer, packet, root)
  if buffer:reported_len() < 2 or buffer(0, 1):uint() ~= 0xff or not by_format[buffer(1, 1):uint()] then return false end
  wirehub.dissector(buffer, packet, root)
  return true
end)
-- Where a port says so, by "Decode As…".
DissectorTable.get('udp.port'):add_for_decode_as(wirehub)
