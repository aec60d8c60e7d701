// Made by edgevision for the model {{name}} ({{sha256}}).
import AVFoundation

/// Shows the newest frame of the camera at the back to the model. Info.plist has NSCameraUsageDescription.
///
/// `onAnswers` gets the answers on a queue of its own. Show `session` with an AVCaptureVideoPreviewLayer.
final class ModelCamera: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate {
    enum CameraError: Error {
        case noCamera
    }

    let session = AVCaptureSession()
    private let queue = DispatchQueue(label: "edgevision.camera")
    private let model: ImageModel
    private let onAnswers: ([Answer]) -> Void

    init(onAnswers: @escaping ([Answer]) -> Void) throws {
        self.model = try ImageModel()
        self.onAnswers = onAnswers
        super.init()
        guard let camera = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .back) else {
            throw CameraError.noCamera
        }
        session.sessionPreset = .vga640x480
        session.addInput(try AVCaptureDeviceInput(device: camera))
        let output = AVCaptureVideoDataOutput()
        output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA]
        output.alwaysDiscardsLateVideoFrames = true
        output.setSampleBufferDelegate(self, queue: queue)
        session.addOutput(output)
        // Frames arrive upright while the phone is held upright.
        if let connection = output.connection(with: .video) {
            if #available(iOS 17.0, *) {
                if connection.isVideoRotationAngleSupported(90) { connection.videoRotationAngle = 90 }
            } else if connection.isVideoOrientationSupported {
                connection.videoOrientation = .portrait
            }
        }
    }

    /// Starts the camera; stop it with `stop`. The app may use the camera already.
    func start() {
        queue.async { self.session.startRunning() }
    }

    func stop() {
        queue.async { self.session.stopRunning() }
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection
    ) {
        guard let frame = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        do {
            onAnswers(try model.answers(for: frame))
        } catch {
            NSLog("the model could not read a frame: \(error)")
        }
    }
}
