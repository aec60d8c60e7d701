// Made by edgevision for the model {{name}} ({{sha256}}).
import CoreGraphics
import CoreVideo
import VideoToolbox

/// Makes of an image what the model takes: {{preprocessing}}.
enum ModelInput {
    static let width = {{width}}
    static let height = {{height}}
    //[crop]

    /// Share of the largest centered part with the input's shape that is used.
    private static let cropFraction = {{crop_fraction}}
    //[end]
    //[letterbox]

    /// Gray value of the border.
    private static let fill = {{fill}}
    //[end]

    /// The part of an image that is used, and where it goes in the model's input, in pixels from the top left corner.
    struct Placement {
        let source: CGRect
        let target: CGRect

        /// Converts a box of the model's input to one of the image.
        func toImage(_ box: CGRect) -> CGRect {
            let across = source.width / target.width
            let down = source.height / target.height
            return CGRect(
                x: source.minX + (box.minX - target.minX) * across,
                y: source.minY + (box.minY - target.minY) * down,
                width: box.width * across,
                height: box.height * down)
        }
    }

    /// Returns the placement of an upright image.
    static func placement(width imageWidth: Int, height imageHeight: Int) -> Placement {
        let whole = CGRect(x: 0, y: 0, width: width, height: height)
        //[crop]
        let scale = min(Double(imageWidth) / Double(width), Double(imageHeight) / Double(height)) * cropFraction
        let usedWidth = min(imageWidth, max(1, Int(Double(width) * scale + 0.5)))
        let usedHeight = min(imageHeight, max(1, Int(Double(height) * scale + 0.5)))
        let source = CGRect(
            x: (imageWidth - usedWidth) / 2, y: (imageHeight - usedHeight) / 2, width: usedWidth, height: usedHeight)
        return Placement(source: source, target: whole)
        //[end]
        //[stretch]
        return Placement(source: CGRect(x: 0, y: 0, width: imageWidth, height: imageHeight), target: whole)
        //[end]
        //[letterbox]
        let scale = min(Double(width) / Double(imageWidth), Double(height) / Double(imageHeight))
        let shownWidth = min(width, max(1, Int(Double(imageWidth) * scale + 0.5)))
        let shownHeight = min(height, max(1, Int(Double(imageHeight) * scale + 0.5)))
        //[center]
        let origin = CGPoint(x: (width - shownWidth) / 2, y: (height - shownHeight) / 2)
        //[end]
        //[top_left]
        let origin = CGPoint(x: whole.minX, y: whole.minY)
        //[end]
        return Placement(
            source: CGRect(x: 0, y: 0, width: imageWidth, height: imageHeight),
            target: CGRect(origin: origin, size: CGSize(width: shownWidth, height: shownHeight)))
        //[end]
    }

    /// Returns the model's input for an upright frame, as a frame of exactly its size: MediaPipe then resizes nothing.
    static func prepare(_ frame: CVPixelBuffer, place: Placement) -> CVPixelBuffer? {
        var image: CGImage?
        VTCreateCGImageFromCVPixelBuffer(frame, options: nil, imageOut: &image)
        guard let part = image?.cropping(to: place.source) else { return nil }
        var made: CVPixelBuffer?
        CVPixelBufferCreate(kCFAllocatorDefault, width, height, kCVPixelFormatType_32BGRA, nil, &made)
        guard let input = made else { return nil }
        CVPixelBufferLockBaseAddress(input, [])
        defer { CVPixelBufferUnlockBaseAddress(input, []) }
        let bitmap = CGImageAlphaInfo.premultipliedFirst.rawValue | CGBitmapInfo.byteOrder32Little.rawValue
        guard
            let context = CGContext(
                data: CVPixelBufferGetBaseAddress(input), width: width, height: height, bitsPerComponent: 8,
                bytesPerRow: CVPixelBufferGetBytesPerRow(input), space: part.colorSpace ?? CGColorSpaceCreateDeviceRGB(),
                bitmapInfo: bitmap)
        else { return nil }
        //[letterbox]
        context.setFillColor(red: CGFloat(fill) / 255, green: CGFloat(fill) / 255, blue: CGFloat(fill) / 255, alpha: 1)
        context.fill(CGRect(x: 0, y: 0, width: width, height: height))
        //[end]
        context.interpolationQuality = .medium
        // The origin of a CGContext is at the bottom left.
        let target = place.target
        let upside = CGRect(
            x: target.minX, y: CGFloat(height) - target.maxY, width: target.width, height: target.height)
        context.draw(part, in: upside)
        return input
    }
}
