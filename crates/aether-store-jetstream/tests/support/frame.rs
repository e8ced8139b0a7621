//! The frames of the protocol, as far as the proxy has to know them.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::tcp::OwnedReadHalf;

/// Something that a client publishes: a commit or a request.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) subject: String,
    pub(crate) reply: String,
    /// How many of the bytes are headers; none where it has none.
    header_bytes: Option<usize>,
    /// Headers and body.
    pub(crate) bytes: Vec<u8>,
}

impl Published {
    /// What this frame publishes, if it does and wants an answer.
    pub(crate) fn in_frame(frame: &[u8]) -> Option<Self> {
        let line_end = frame.iter().position(|byte| *byte == b'\n')? + 1;
        let line = String::from_utf8_lossy(&frame[..line_end]);
        let (subject, reply, header_bytes) =
            match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["PUB", subject, reply, _] => (*subject, *reply, None),
                ["HPUB", subject, reply, headers, _] => (*subject, *reply, headers.parse().ok()),
                _ => return None,
            };
        Some(Self {
            subject: subject.to_owned(),
            reply: reply.to_owned(),
            header_bytes,
            bytes: frame[line_end..frame.len() - 2].to_vec(),
        })
    }

    /// The same for another to be answered.
    pub(crate) fn answered_to(mut self, reply: &str) -> Self {
        reply.clone_into(&mut self.reply);
        self
    }

    pub(crate) fn to_frame(&self) -> Vec<u8> {
        let (subject, reply, size) = (&self.subject, &self.reply, self.bytes.len());
        let line = match self.header_bytes {
            Some(headers) => format!("HPUB {subject} {reply} {headers} {size}\r\n"),
            None => format!("PUB {subject} {reply} {size}\r\n"),
        };
        [line.as_bytes(), &self.bytes, b"\r\n"].concat()
    }

    /// Its headers, in whatever order, and its body: equal for equal messages.
    pub(crate) fn parts(&self) -> Vec<String> {
        let text = self.bytes.escape_ascii().to_string();
        let mut parts: Vec<String> = text.split("\\r\\n").map(str::to_owned).collect();
        parts.sort();
        parts
    }

    pub(crate) fn is_commit(&self) -> bool {
        contains(&self.bytes, b"Aether-First-Version")
    }

    /// Whether the last message of a subject is asked for.
    pub(crate) fn asks_for_last(&self) -> bool {
        let reads = ["$JS.API.STREAM.MSG.GET.", "$JS.API.DIRECT.GET."];
        reads.iter().any(|read| self.subject.starts_with(read))
            && contains(&self.bytes, b"last_by_subj")
    }
}

/// Whether this frame acknowledges a publish.
pub(crate) fn is_ack(frame: &[u8]) -> bool {
    frame.starts_with(b"MSG ") && contains(frame, br#"{"stream":"#)
}

/// One line and, where it announces one, its body.
pub(crate) async fn read(
    reader: &mut BufReader<OwnedReadHalf>,
) -> std::io::Result<Option<Vec<u8>>> {
    let mut frame = Vec::new();
    if reader.read_until(b'\n', &mut frame).await? == 0 {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&frame).into_owned();
    let with_body = ["MSG ", "HMSG ", "PUB ", "HPUB "];
    if with_body.iter().any(|word| line.starts_with(word)) {
        let size: usize = line.split_whitespace().last().unwrap().parse().unwrap();
        let start = frame.len();
        frame.resize(start + size + 2, 0);
        reader.read_exact(&mut frame[start..]).await?;
    }
    Ok(Some(frame))
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
